"""The picture of learned kernels: for each convolution a grid, rows are output channels and columns input channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.report.figure import look, save
from nbcnn.report.image_panels import SIDE, Panel, add_image, fitted, legend, new_figure, symmetric, write

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

KERNELS, CHANNELS = 32, 16
"""Output and input channels of a layer that are drawn, where it is the only one."""
FINE, GAP_PIXELS = 8, 5
"""Pixels of each number and between kernels, before they are drawn to size."""
_CELL, _GAP, _TITLE, _HEAD, _WIDTH = 0.45, 0.06, 0.35, 0.5, 9.2  # inches
_MATRIX = 2.4


def draw_filters(kernels: Mapping[str, np.ndarray], path: str | Path, title: str) -> None:
    """Draw kernels (O, C, KH, KW) by the names of their layers into a PNG file.

    Kernels of 1×1 are one matrix, rows are output channels. Of one input channel all kernels stand side by side, of
    more there is one for each. Raises CheckpointError when the file can't be written.
    """
    most = KERNELS if len(kernels) == 1 else KERNELS // 2 if len(kernels) <= 3 else 6
    sizes = [_size(weight, most) for weight in kernels.values()]
    heights = [_TITLE + high for _, high in sizes]
    width = max(6.0, 2 * SIDE + max(wide for wide, _ in sizes))
    height = _HEAD + sum(heights) + SIDE + 0.3
    with look():
        figure = new_figure(width, height)
        write(figure, SIDE, 0.3, title, 11)
        top = _HEAD
        for (name, weight), own in zip(kernels.items(), heights, strict=True):
            write(figure, SIDE, top + _TITLE - 0.1, f"{name}, {_words(weight, most)}")
            _draw_layer(figure, top + _TITLE, weight, most)
            top += own
        legend(figure, SIDE, height - 0.15, "white is 0, red above, blue below; each layer has its own scale")
        save(figure, path)


def _words(weight: np.ndarray, most: int) -> str:
    made, read, rows, columns = weight.shape
    most = _drawn(weight, most)
    told = f"{made} kernels of {read}×{rows}×{columns}"
    if (rows, columns) == (1, 1):
        return f"{told}; one matrix, a row a kernel"
    if made > most or read > CHANNELS:
        told += f", drawn: {min(made, most)} kernels" + (f" and {min(read, CHANNELS)} channels" if read > 1 else "")
    return told if read == 1 else f"{told}; a row a kernel, a column a channel"


def _per_row() -> int:
    return int((_WIDTH - 2 * SIDE) // (_CELL + _GAP))


def _drawn(weight: np.ndarray, most: int) -> int:
    """How many kernels are drawn: of one channel, which stand side by side, more."""
    return KERNELS if weight.shape[1] == 1 else most


def _size(weight: np.ndarray, most: int) -> tuple[float, float]:
    """Width and height of a layer's drawing."""
    made, read, rows, columns = (int(number) for number in weight.shape)
    made = made if (rows, columns) == (1, 1) else min(made, _drawn(weight, most))
    if (rows, columns) == (1, 1):
        return min(_WIDTH - 2 * SIDE, 0.12 * read + 0.1), min(_MATRIX, 0.12 * made + 0.1)
    wide, high = fitted((rows, columns), _CELL)
    across = min(made, _per_row()) if read == 1 else min(read, CHANNELS)
    down = -(-made // _per_row()) if read == 1 else made
    return across * (wide + _GAP), down * (high + _GAP)


def _draw_layer(figure: Figure, top: float, weight: np.ndarray, most: int) -> None:
    _, read, rows, columns = weight.shape
    panel, colours = Panel(SIDE, top, *_size(weight, most)), symmetric(weight)
    if (rows, columns) == (1, 1):
        add_image(figure, panel, weight[:, :, 0, 0], **colours)
        return
    chosen = weight[: _drawn(weight, most), :CHANNELS].reshape(-1, rows, columns)
    add_image(figure, panel, _mosaic(chosen, _per_row() if read == 1 else min(read, CHANNELS)), "white", **colours)


def _mosaic(kernels: np.ndarray, per_row: int) -> np.ndarray:
    """Kernels (n, rows, columns) side by side with gaps, each number as a square of FINE pixels; gaps are masked."""
    import numpy as np

    count, rows, columns = kernels.shape
    across, down = min(per_row, count), -(-count // per_row)
    high, wide = rows * FINE + GAP_PIXELS, columns * FINE + GAP_PIXELS
    made = np.full((down * high, across * wide), np.nan)
    for number, kernel in enumerate(kernels):
        top, left = (place * size for place, size in zip(divmod(number, per_row), (high, wide), strict=True))
        made[top : top + rows * FINE, left : left + columns * FINE] = np.kron(kernel, np.ones((FINE, FINE)))
    return np.ma.masked_invalid(made)
