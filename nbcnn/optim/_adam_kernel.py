"""The kernel of one Adam step over the flat parameter buffer. A plain loop, which LLVM vectorises."""

from __future__ import annotations

from math import sqrt

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import fma


@kernel
def adam_step(p, g, moments, numbers):
    """p, g (size,), moments (2, size): the running means of g and of g². Updates p and moments.

    numbers: beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1**t), 1 / sqrt(1 - beta2**t), eps,
    the factor that AdamW shrinks p by, and the weight decay that Adam adds to g.
    """
    b1, a1, b2, a2, size, unbias, eps, shrink, decay = numbers
    m, v = moments[0], moments[1]
    for i in range(p.size):
        d = g[i] + decay * p[i]
        m[i] = fma(b1, m[i], a1 * d)
        v[i] = fma(b2, v[i], a2 * d * d)
        p[i] = fma(shrink, p[i], -(size * m[i] / fma(sqrt(v[i]), unbias, eps)))  # equation (19)
