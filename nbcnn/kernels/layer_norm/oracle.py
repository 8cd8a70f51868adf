"""Layer normalisation in NumPy and its gradients: equations (51) and (52) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def layer_norm(x: Numbers, w: Numbers, b: Numbers, eps: float) -> Array:
    """x (N, K), w (K,), b (K,) -> y (N, K): equation (51)."""
    x = float64(x)
    return float64((x - x.mean(1)[:, None]) / np.sqrt(x.var(1) + eps)[:, None] * float64(w) + float64(b))


def layer_norm_grad(x: Numbers, dy: Numbers, w: Numbers, eps: float) -> tuple[Array, Array, Array]:
    """dx (N, K), dw (K,), db (K,): dx by each image's Jacobian, w (δ - 1/K - x̂ x̂ᵀ/K) / √(variance + eps)."""
    x, dy = float64(x), float64(dy)
    normal, K = layer_norm(x, np.ones(x.shape[1]), np.zeros(x.shape[1]), eps), x.shape[1]
    dx = np.empty_like(x)
    for n, one in enumerate(normal):
        jacobian = (np.eye(K) - 1 / K - np.outer(one, one) / K) / np.sqrt(x[n].var() + eps)
        dx[n] = jacobian @ (float64(w) * dy[n])
    return dx, (dy * normal).sum(0), dy.sum(0)
