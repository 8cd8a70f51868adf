"""The oracle's pooling and its gradients: equations (6) and (7) of docs/math.md, window after window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nbcnn.reference.arrays import NO_PADDING, Array, Numbers, Pair, Sides, float64


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
    starts = _starts(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    y = np.empty((*x.shape[:2], *map(len, starts)))
    for w in _windows(x.shape[2:], starts, kernel_size, padding, dilation):
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
    starts = _starts(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    dx = np.zeros(x.shape)
    for w in _windows(x.shape[2:], starts, kernel_size, padding, dilation):
        for n, c in np.ndindex(*x.shape[:2]):
            window = x[n, c, w.rows, w.columns]
            if window.size:
                r, q = np.unravel_index(window.argmax(), window.shape)
                dx[n, c, w.rows, w.columns][r, q] += dy[n, c, w.i, w.j]
    return dx


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
    starts = _starts(x.shape[2:], kernel_size, stride, padding, (1, 1), ceil_mode)
    y = np.empty((*x.shape[:2], *map(len, starts)))
    for w in _windows(x.shape[2:], starts, kernel_size, padding, (1, 1)):
        y[:, :, w.i, w.j] = x[:, :, w.rows, w.columns].sum((2, 3)) / _count(w, count_include_pad, divisor_override)
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
    starts = _starts(size, kernel_size, stride, padding, (1, 1), ceil_mode)
    dx = np.zeros((*dy.shape[:2], *size))
    for w in _windows(size, starts, kernel_size, padding, (1, 1)):
        share = dy[:, :, w.i : w.i + 1, w.j : w.j + 1] / _count(w, count_include_pad, divisor_override)
        dx[:, :, w.rows, w.columns] += share
    return dx


class Window(NamedTuple):
    """Output row and column, the slices of x that meet the window's taps, and how many taps meet image or padding."""

    i: int
    j: int
    rows: slice
    columns: slice
    padded: int


def _count(window: Window, count_include_pad: bool, divisor_override: int | None) -> int:
    """D of equation (7)."""
    rows, columns = window.rows, window.columns
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    return divisor_override or (window.padded if count_include_pad else max(pixels, 1))


def _starts(
    size: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair, ceil_mode: bool
) -> tuple[list[int], list[int]]:
    """The rows and the columns of x at which windows begin, the first ones in the padding."""
    found: list[list[int]] = []
    for axis, (before, after) in enumerate((padding[:2], padding[2:])):
        span, step, end = dilation[axis] * (kernel_size[axis] - 1) + 1, stride[axis], size[axis] + after
        if ceil_mode:  # as long as the window before did not reach the end; but none begins behind the image
            found.append([p for p in range(-before, size[axis], step) if p - step + span < end])
        else:  # as long as the window fits
            found.append(list(range(-before, end - span + 1, step)))
    return found[0], found[1]


def _windows(
    size: tuple[int, ...], starts: tuple[list[int], list[int]], kernel_size: Pair, padding: Sides, dilation: Pair
) -> Iterator[Window]:
    for i, r in enumerate(starts[0]):
        for j, q in enumerate(starts[1]):
            down, across = (range(p, p + d * k, d) for p, d, k in zip((r, q), dilation, kernel_size, strict=True))
            padded = sum(a < size[0] + padding[1] for a in down) * sum(k < size[1] + padding[3] for k in across)
            yield Window(i, j, _within(down, size[0]), _within(across, size[1]), padded)


def _within(taps: range, size: int) -> slice:
    """Those taps that meet the image."""
    met = [tap for tap in taps if 0 <= tap < size]
    return slice(met[0], met[-1] + 1, taps.step) if met else slice(0, 0)
