"""The oracle's optimizers: equations (17) to (19) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def sgd_step(
    p: Numbers,
    g: Numbers,
    velocity: Numbers,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> tuple[Array, Array]:
    """p, g, velocity (size,) -> new p and velocity: equation (17), with momentum (18)."""
    d = float64(g) + weight_decay * float64(p)
    v = momentum * float64(velocity) + d
    return float64(p) - lr * (d + momentum * v if nesterov else v), v


def adam_step(
    p: Numbers,
    g: Numbers,
    moments: Numbers,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> tuple[Array, Array]:
    """p, g (size,), moments (2, size), t the number of this step, from 1 on -> new p and moments: equation (19).

    ``decoupled`` is AdamW: the decay shrinks p instead of being added to g.
    """
    p, g, (m, v) = float64(p), float64(g), float64(moments)
    if decoupled:
        p = p - lr * weight_decay * p
    else:
        g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    unbiased_m, unbiased_v = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return p - lr * unbiased_m / (np.sqrt(unbiased_v) + eps), np.stack([m, v])
