"""The sigmoid linear unit in NumPy: equation (44) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers) -> Array:
    """x / (1 + e^-x), written so that only negative numbers are raised; 0 at -∞: equation (44)."""
    x, small = float64(x), np.exp(-np.abs(float64(x)))
    below = np.where(np.isneginf(x), 0, x) * small / (1 + small)
    return np.asarray(np.where(x >= 0, x / (1 + small), below))


def gradient(x: Numbers, dy: Numbers) -> Array:
    """dy · (s + x s (1 - s)) with s = 1 / (1 + e^-x), where s (1 - s) = 1 / (2 + 2 cosh x)."""
    x = float64(x)
    near = np.clip(x, -700, 700)
    slope = 1 / (1 + np.exp(-near)) + near / (2 + 2 * np.cosh(near))
    return np.asarray(float64(dy) * slope)
