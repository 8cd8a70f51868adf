"""Anti-aliased subsampling in NumPy and its gradient: equation (50) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.oracle import Array, Numbers, Pair, float64


def blur_pool(x: Numbers, taps: int, stride: Pair) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW): equation (50)."""
    half, weights = taps // 2, _filter(taps)
    padded = np.pad(float64(x), ((0, 0), (0, 0), (half, half), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (taps, taps), (2, 3))
    return np.asarray((windows[:, :, :: stride[0], :: stride[1]] * weights).sum((4, 5)))


def blur_pool_grad(dy: Numbers, size: Pair, taps: int, stride: Pair) -> Array:
    """dy (N, C, OH, OW) -> dx (N, C, H, W): each pixel's number is padded, and tells where its share of dy goes."""
    dy, half, weights = float64(dy), taps // 2, _filter(taps)
    numbers = np.pad(np.arange(size[0] * size[1]).reshape(size), half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(numbers, (taps, taps))[:: stride[0], :: stride[1]]
    dx = np.zeros((*dy.shape[:2], size[0] * size[1]))
    for a, k in np.ndindex(taps, taps):
        where, share = windows[:, :, a, k].reshape(-1), weights[a, k] * dy.reshape(*dy.shape[:2], -1)
        np.add.at(dx, np.s_[:, :, where], share)  # type: ignore[arg-type]
    return dx.reshape(*dy.shape[:2], *size)


def _filter(taps: int) -> Array:
    """The powers of (1 + t) / 2, along both axes."""
    line = np.poly1d([0.5, 0.5]) ** (taps - 1)
    return np.outer(line.coeffs, line.coeffs)
