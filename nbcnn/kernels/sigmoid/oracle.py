"""The sigmoid in NumPy: equation (12) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers) -> Array:
    """1 / (1 + e^-x): equation (12), written so that only negative numbers are raised."""
    small = np.exp(-np.abs(float64(x)))
    return np.asarray(np.where(float64(x) >= 0, 1, small) / (1 + small))


def gradient(x: Numbers, dy: Numbers) -> Array:
    """dy · s(x) · s(-x), for s(-x) = 1 - s(x)."""
    return float64(dy) * value(x) * value(-float64(x))
