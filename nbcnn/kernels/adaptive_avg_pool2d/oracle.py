"""Average pooling to a given size in NumPy and its gradient: equation (49) of docs/math.md."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, Pair, float64


def adaptive_avg_pool2d(x: Numbers, output_size: Pair) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW): equation (49)."""
    x = float64(x)
    y = np.empty((*x.shape[:2], *output_size))
    for i, j, window in _windows(x.shape[2:], output_size):
        y[:, :, i, j] = x[:, :, *window].mean((2, 3))
    return y


def adaptive_avg_pool2d_grad(dy: Numbers, size: Pair) -> Array:
    """dy (N, C, OH, OW) -> dx (N, C, H, W) for an input of ``size`` (H, W): equal shares to a window's pixels."""
    dy = float64(dy)
    dx = np.zeros((*dy.shape[:2], *size))
    for i, j, window in _windows(size, dy.shape[2:]):
        part = dx[:, :, *window]
        part += dy[:, :, i : i + 1, j : j + 1] / part[0, 0].size
    return dx


def _windows(size: tuple[int, ...], output_size: tuple[int, ...]) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    """Output row and column, and the rows and columns of x that it is the mean of."""
    (H, W), (OH, OW) = size, output_size
    for i in range(OH):
        rows = slice(floor(i * H / OH), ceil((i + 1) * H / OH))
        for j in range(OW):
            yield i, j, (rows, slice(floor(j * W / OW), ceil((j + 1) * W / OW)))
