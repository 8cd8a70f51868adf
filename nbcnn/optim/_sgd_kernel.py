"""The kernel of one SGD step over the flat parameter buffer. A plain loop, which LLVM vectorises."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import fma


@kernel
def sgd_step(p, g, velocity, numbers, nesterov, dampened):
    """p, g (size,), velocity (size,), or (0,) without momentum. Updates p and velocity.

    numbers: lr, momentum, weight_decay, 1 - dampening; the last is used where ``dampened`` is True.
    """
    lr, momentum, weight_decay, kept = numbers
    if velocity.size == 0:
        for i in range(p.size):
            p[i] -= lr * (g[i] + weight_decay * p[i])  # equation (17)
    elif nesterov:
        for i in range(p.size):
            d = g[i] + weight_decay * p[i]
            velocity[i] = momentum * velocity[i] + d
            p[i] -= lr * (d + momentum * velocity[i])
    elif dampened:
        for i in range(p.size):
            velocity[i] = fma(momentum, velocity[i], kept * (g[i] + weight_decay * p[i]))
            p[i] -= lr * velocity[i]
    else:
        for i in range(p.size):
            velocity[i] = momentum * velocity[i] + (g[i] + weight_decay * p[i])  # equation (18)
            p[i] -= lr * velocity[i]
