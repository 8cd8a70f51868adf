"""The rectifier in NumPy: equation (11) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers) -> Array:
    """max(x, 0): equation (11)."""
    return np.maximum(float64(x), 0)


def gradient(x: Numbers, dy: Numbers) -> Array:
    """dy where x is above 0, else 0."""
    return np.where(float64(x) > 0, float64(dy), 0)
