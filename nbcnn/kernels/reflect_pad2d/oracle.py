"""Padding by reflection in NumPy and its gradient: equation (47) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, Pair, Sides, float64


def reflect_pad2d(x: Numbers, padding: Sides) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW): equation (47)."""
    return np.pad(float64(x), ((0, 0), (0, 0), padding[:2], padding[2:]), mode="reflect")


def reflect_pad2d_grad(dy: Numbers, size: Pair, padding: Sides) -> Array:
    """dy (N, C, OH, OW) -> dx (N, C, H, W): each pixel's number is padded, and tells where its dy goes."""
    numbers = np.pad(np.arange(size[0] * size[1]).reshape(size), (padding[:2], padding[2:]), mode="reflect")
    flat = float64(dy).reshape(*np.shape(dy)[:2], -1)
    dx = np.zeros((*flat.shape[:2], size[0] * size[1]))
    np.add.at(dx, np.s_[:, :, numbers.reshape(-1)], flat)  # type: ignore[arg-type]
    return dx.reshape(*flat.shape[:2], *size)
