"""The Gaussian error linear unit in NumPy: equation (43) of docs/math.md."""

from __future__ import annotations

from math import erfc, pi, sqrt

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, float64


def value(x: Numbers, approximate: str) -> Array:
    """x · Φ(x), and 0 at -∞: equation (43)."""
    return np.asarray(np.where(np.isneginf(x), 0, float64(x)) * _share(float64(x), approximate))


def gradient(x: Numbers, dy: Numbers, approximate: str) -> Array:
    """dy · (Φ(x) + x · Φ'(x))."""
    x = np.clip(float64(x), -100, 100)
    if approximate == "tanh":
        inner, slope = _inner(x), sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)
        density = slope / np.cosh(np.clip(inner, -300, 300)) ** 2 / 2
    else:
        density = np.exp(-(x**2) / 2) / sqrt(2 * pi)
    return np.asarray(float64(dy) * (_share(x, approximate) + x * density))


def _share(x: Array, approximate: str) -> Array:
    """Φ(x), or what stands for it."""
    if approximate == "tanh":
        return np.asarray((1 + np.tanh(_inner(x))) / 2)
    return np.asarray(np.frompyfunc(erfc, 1, 1)(-x / sqrt(2)), np.float64) / 2


def _inner(x: Array) -> Array:
    return np.asarray(sqrt(2 / pi) * (x + 0.044715 * x**3))
