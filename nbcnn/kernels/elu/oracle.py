"""The exponential linear unit in NumPy: equation (42) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers, alpha: float) -> Array:
    """max(x, 0) + alpha · (e^min(x, 0) - 1): equation (42)."""
    return np.asarray(np.maximum(float64(x), 0) + alpha * np.expm1(np.minimum(float64(x), 0)))


def gradient(x: Numbers, dy: Numbers, alpha: float) -> Array:
    """dy above 0, alpha · e^x · dy elsewhere."""
    return np.asarray(float64(dy) * np.where(float64(x) > 0, 1, alpha * np.exp(np.minimum(float64(x), 0))))
