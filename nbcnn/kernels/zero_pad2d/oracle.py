"""Padding with zeros in NumPy and its gradient: equation (46) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, Sides, float64


def zero_pad2d(x: Numbers, padding: Sides) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW): equation (46)."""
    return np.pad(float64(x), ((0, 0), (0, 0), padding[:2], padding[2:]))


def zero_pad2d_grad(dy: Numbers, padding: Sides) -> Array:
    """dy (N, C, OH, OW) -> dx (N, C, H, W), what lies inside of the padding."""
    top, bottom, left, right = padding
    dy = float64(dy)
    return dy[:, :, top : dy.shape[2] - bottom, left : dy.shape[3] - right]
