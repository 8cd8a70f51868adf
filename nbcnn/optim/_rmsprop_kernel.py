"""The kernel of one RMSprop step over the flat parameter buffer. A plain loop, which LLVM vectorises."""

from __future__ import annotations

from math import sqrt

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import fma


@kernel
def rmsprop_step(p, g, squares, means, velocity, numbers):
    """p, g, squares (size,): the running mean of g². Updates p and all that is kept.

    means (size,), the running mean of g, or (0,) unless centered; velocity (size,), or (0,) without momentum.
    numbers: lr, alpha, 1 - alpha, eps, weight_decay, momentum.
    """
    lr, alpha, rest, eps, decay, momentum = numbers
    centered, moving = means.size > 0, velocity.size > 0
    for i in range(p.size):
        d = g[i] + decay * p[i]
        squares[i] = fma(alpha, squares[i], rest * d * d)
        variance = squares[i]
        if centered:
            means[i] += rest * (d - means[i])
            # Rounding may leave a little less than 0, whose root would be no number.
            variance = max(variance - means[i] * means[i], p.dtype.type(0))
        step = d / (sqrt(variance) + eps)
        if moving:
            velocity[i] = momentum * velocity[i] + step
            step = velocity[i]
        p[i] -= lr * step
