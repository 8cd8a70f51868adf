"""The logarithm of softmax in NumPy: equation (28) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64
from nbcnn.kernels.softmax import oracle as softmax


def value(x: Numbers) -> Array:
    """Scores x (N, K) -> logarithms of their probabilities (N, K): equation (28)."""
    below = float64(x) - float64(x).max(1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(1, keepdims=True)))


def gradient(x: Numbers, dy: Numbers) -> Array:
    """x, dy (N, K) -> dx (N, K): dy times the Jacobian I - 1 pᵀ of each image's probabilities p."""
    return np.asarray(float64(dy) - float64(dy).sum(1, keepdims=True) * softmax.value(x))
