"""Array helpers of the oracles: packs to images, and float64.

An oracle is an op's plain definition on images (N, C, H, W), in NumPy and float64. It shares no code with kernels and
takes other ways to the same numbers: windows are views or slices, sums are einsums, gradients are scattered. Numbers of
equations are those of docs/math.md. Letters: N images, C, O input and output channels, H, W input size, OH, OW output
size, KH, KW kernel size, G groups, F features, K classes. Arrays come in any kind of number and leave as float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.floating] | NDArray[np.integer]
Pair = tuple[int, int]
"""Rows, columns."""
Sides = tuple[int, int, int, int]
"""Padding: top, bottom, left, right."""
NO_PADDING: Sides = (0, 0, 0, 0)


def float64(x: Numbers) -> Array:
    """Any numbers as float64."""
    return np.asarray(x, np.float64)


def images(pack: NDArray[Any]) -> NDArray[Any]:
    """(…, 16) to (16, …)."""
    return np.moveaxis(pack, -1, 0)


def pack(images: NDArray[Any]) -> NDArray[Any]:
    """(16, …) to (…, 16)."""
    return np.moveaxis(images, 0, -1)


class Window(NamedTuple):
    """Output row and column, the slices of x that meet the window's taps, and how many taps meet image or padding."""

    i: int
    j: int
    rows: slice
    columns: slice
    padded: int


def windows_of(
    size: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair, ceil_mode: bool
) -> tuple[Pair, list[Window]]:
    """How many rows and columns of windows there are, and all of them."""
    starts: list[list[int]] = []  # the rows and the columns of x at which windows begin, the first ones in the padding
    for axis, (before, after) in enumerate((padding[:2], padding[2:])):
        span, step, end = dilation[axis] * (kernel_size[axis] - 1) + 1, stride[axis], size[axis] + after
        if ceil_mode:  # as long as the window before did not reach the end; but none begins behind the image
            starts.append([p for p in range(-before, size[axis], step) if p - step + span < end])
        else:  # as long as the window fits
            starts.append(list(range(-before, end - span + 1, step)))
    found = []
    for i, r in enumerate(starts[0]):
        for j, q in enumerate(starts[1]):
            down, across = (range(p, p + d * k, d) for p, d, k in zip((r, q), dilation, kernel_size, strict=True))
            padded = sum(a < size[0] + padding[1] for a in down) * sum(k < size[1] + padding[3] for k in across)
            found.append(Window(i, j, _within(down, size[0]), _within(across, size[1]), padded))
    return (len(starts[0]), len(starts[1])), found


def _within(taps: range, size: int) -> slice:
    """Those taps that meet the image."""
    met = [tap for tap in taps if 0 <= tap < size]
    return slice(met[0], met[-1] + 1, taps.step) if met else slice(0, 0)
