"""Nearest-neighbour enlargement in NumPy and its gradient: equation (48) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, Pair, float64


def upsample(x: Numbers, factor: Pair) -> Array:
    """x (N, C, H, W) -> y (N, C, SH·H, SW·W): equation (48)."""
    return np.asarray(float64(x).repeat(factor[0], 2).repeat(factor[1], 3))


def upsample_grad(dy: Numbers, factor: Pair) -> Array:
    """dy (N, C, SH·H, SW·W) -> dx (N, C, H, W): the sum over each pixel's repetitions."""
    N, C, OH, OW = np.shape(dy)
    tiles = float64(dy).reshape(N, C, OH // factor[0], factor[0], OW // factor[1], factor[1])
    return np.asarray(tiles.sum((3, 5)))
