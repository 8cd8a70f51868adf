"""Softmax in NumPy: equation (14) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers) -> Array:
    """Scores x (N, K) -> probabilities (N, K): equation (14)."""
    e = np.exp(float64(x) - float64(x).max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def gradient(x: Numbers, dy: Numbers) -> Array:
    """x, dy (N, K) -> dx (N, K): dy times the Jacobian diag(p) - p pᵀ of each image's probabilities p."""
    p, dy = value(x), float64(dy)
    return np.asarray(p * (dy - np.einsum("nk,nk->n", p, dy)[:, None]))
