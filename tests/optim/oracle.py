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
    dampening: float = 0.0,
    first: bool = False,
) -> tuple[Array, Array]:
    """p, g, velocity (size,) -> new p and velocity: equation (17), with momentum (18). The ``first`` is not damped."""
    d = float64(g) + weight_decay * float64(p)
    v = d if first else momentum * float64(velocity) + (1 - dampening) * d
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


def rmsprop_step(
    p: Numbers,
    g: Numbers,
    kept: tuple[Numbers, Numbers, Numbers],
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
) -> tuple[Array, tuple[Array, Array, Array]]:
    """p, g and what is ``kept``, the means of squares and of gradients and the velocity, all (size,) -> new ones."""
    p, (v, m, u) = float64(p), (float64(array) for array in kept)
    d = float64(g) + weight_decay * p
    v, m = alpha * v + (1 - alpha) * d**2, alpha * m + (1 - alpha) * d
    u = momentum * u + d / (np.sqrt(v - m**2 if centered else v) + eps)
    return p - lr * u, (v, m, u)
