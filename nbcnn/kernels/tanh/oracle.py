"""The hyperbolic tangent in NumPy: equation (13) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers) -> Array:
    """Equation (13)."""
    return np.tanh(float64(x))


def gradient(x: Numbers, dy: Numbers) -> Array:
    """dy / cosh² x."""
    return np.asarray(float64(dy) / np.cosh(float64(x)) ** 2)
