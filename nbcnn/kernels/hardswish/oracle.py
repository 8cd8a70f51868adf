"""Hard swish in NumPy: equation (45) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers) -> Array:
    """x · min(max(x + 3, 0), 6) / 6, and 0 at -∞: equation (45)."""
    x = float64(x)
    return np.asarray(np.where(np.isneginf(x), 0, x) * np.minimum(np.maximum(x + 3, 0), 6) / 6)


def gradient(x: Numbers, dy: Numbers) -> Array:
    """dy · (2x + 3) / 6 between -3 and 3; 0 up to -3, dy from 3 on."""
    x = float64(x)
    slope = np.where(np.abs(x) < 3, (2 * np.where(np.isinf(x), 0, x) + 3) / 6, x >= 3)
    return np.asarray(float64(dy) * slope)
