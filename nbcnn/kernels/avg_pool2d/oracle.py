"""Average pooling in NumPy and its gradient: equation (7) of docs/math.md, window after window."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import NO_PADDING, Array, Numbers, Pair, Sides, Window, float64, windows_of


def avg_pool2d(
    x: Numbers,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides = NO_PADDING,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    divisor_override: int | None = None,
) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW), the mean of each window, padding zeros counted or not: equation (7).

    What a window meets beyond the padding, which ``ceil_mode`` makes possible, never counts.
    """
    x = float64(x)
    counts, windows = windows_of(x.shape[2:], kernel_size, stride, padding, (1, 1), ceil_mode)
    y = np.empty((*x.shape[:2], *counts))
    for w in windows:
        y[:, :, w.i, w.j] = x[:, :, w.rows, w.columns].sum((2, 3)) / count_of(w, count_include_pad, divisor_override)
    return y


def avg_pool2d_grad(
    dy: Numbers,
    size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides = NO_PADDING,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    divisor_override: int | None = None,
) -> Array:
    """dy (N, C, OH, OW) -> dx (N, C, H, W) for an input of ``size`` (H, W): equal shares to all pixels of a window."""
    dy = float64(dy)
    dx = np.zeros((*dy.shape[:2], *size))
    for w in windows_of(size, kernel_size, stride, padding, (1, 1), ceil_mode)[1]:
        share = dy[:, :, w.i : w.i + 1, w.j : w.j + 1] / count_of(w, count_include_pad, divisor_override)
        dx[:, :, w.rows, w.columns] += share
    return dx


def count_of(window: Window, count_include_pad: bool, divisor_override: int | None) -> int:
    """D of equation (7)."""
    rows, columns = window.rows, window.columns
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    return divisor_override or (window.padded if count_include_pad else max(pixels, 1))
