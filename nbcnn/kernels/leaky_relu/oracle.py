"""The leaky rectifier in NumPy: equation (41) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers, negative_slope: float) -> Array:
    """max(x, 0) + negative_slope · min(x, 0): equation (41)."""
    return np.asarray(np.maximum(float64(x), 0) + negative_slope * np.minimum(float64(x), 0))


def gradient(x: Numbers, dy: Numbers, negative_slope: float) -> Array:
    """dy above 0, negative_slope · dy elsewhere."""
    return np.asarray(float64(dy) * np.where(float64(x) > 0, 1, negative_slope))
