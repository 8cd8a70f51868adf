"""Group normalisation in NumPy and its gradients: equations (51) and (52) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def group_norm(x: Numbers, w: Numbers, b: Numbers, groups: int, eps: float) -> Array:
    """x (K, P, N), w (K,), b (K,) -> y (K, P, N): equation (51)."""
    normal, _ = _normalised(float64(x), groups, eps)
    return normal * float64(w)[:, None, None] + float64(b)[:, None, None]


def group_norm_grad(x: Numbers, dy: Numbers, w: Numbers, groups: int, eps: float) -> tuple[Array, Array, Array]:
    """dx (K, P, N), dw (K,), db (K,), by the chain rule through the variance and through the mean."""
    x, dy = float64(x), float64(dy)
    grouped, count = x.reshape(groups, -1, x.shape[2]), x[:, :, 0].size // groups
    g = (dy * float64(w)[:, None, None]).reshape(grouped.shape)
    normal, deviation = _normalised(x, groups, eps)
    centred = grouped - grouped.mean(1, keepdims=True)
    by_variance = (g * centred).sum(1, keepdims=True) * -0.5 / deviation**3
    by_mean = -g.sum(1, keepdims=True) / deviation + by_variance * -2 * centred.mean(1, keepdims=True)
    dx = g / deviation + by_variance * 2 * centred / count + by_mean / count
    return dx.reshape(x.shape), (dy * normal).sum((1, 2)), dy.sum((1, 2))


def _normalised(x: Array, groups: int, eps: float) -> tuple[Array, Array]:
    """x less the mean of its group, by √(variance + eps), and that (G, 1, N)."""
    grouped = x.reshape(groups, -1, x.shape[2])
    deviation = np.sqrt(grouped.var(1, keepdims=True) + eps)
    return ((grouped - grouped.mean(1, keepdims=True)) / deviation).reshape(x.shape), deviation
