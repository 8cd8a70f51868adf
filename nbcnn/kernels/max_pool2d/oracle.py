"""Max pooling in NumPy and its gradient: equation (6) of docs/math.md, window after window."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import NO_PADDING, Array, Numbers, Pair, Sides, float64, windows_of


def max_pool2d(
    x: Numbers,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides = NO_PADDING,
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW), the largest pixel of each window, -inf where there is none: equation (6)."""
    x = float64(x)
    counts, windows = windows_of(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    y = np.empty((*x.shape[:2], *counts))
    for w in windows:
        y[:, :, w.i, w.j] = x[:, :, w.rows, w.columns].max((2, 3), initial=-np.inf)
    return y


def max_pool2d_grad(
    x: Numbers,
    dy: Numbers,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides = NO_PADDING,
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Array:
    """x (N, C, H, W), dy (N, C, OH, OW) -> dx (N, C, H, W): to the first of a window's largest pixels."""
    x, dy = float64(x), float64(dy)
    dx = np.zeros(x.shape)
    for w in windows_of(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)[1]:
        for n, c in np.ndindex(*x.shape[:2]):
            window = x[n, c, w.rows, w.columns]
            if window.size:
                r, q = np.unravel_index(window.argmax(), window.shape)
                dx[n, c, w.rows, w.columns][r, q] += dy[n, c, w.i, w.j]
    return dx
