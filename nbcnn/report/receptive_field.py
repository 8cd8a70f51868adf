"""The picture of a receptive field: the theoretical square on the measured gradient, before and after training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.report.figure import ORANGE, look, save, shorten
from nbcnn.report.image_panels import SIDE, Panel, add_image, fitted, from_zero, legend, new_figure, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from matplotlib.axes import Axes

Pair = tuple[int, int]
_CELL, _GAP, _HEAD = 3.2, 0.3, 0.9  # inches


def draw_receptive_field(
    gradients: Mapping[str, np.ndarray], rows: Pair, columns: Pair, path: str | Path, title: str
) -> None:
    """Draw gradients (H, W) by what they are of, each with the field's first and last row and column as a square.

    What of the square lies outside of the image is padding, and drawn beside it. Raises CheckpointError when the file
    can't be written.
    """
    size = next(iter(gradients.values())).shape
    edges = (min(0, rows[0]), max(size[0] - 1, rows[1])), (min(0, columns[0]), max(size[1] - 1, columns[1]))
    wide, high = fitted([last - first + 1 for first, last in edges], _CELL)
    width = max(2 * SIDE + len(gradients) * wide + (len(gradients) - 1) * _GAP, 5.5)
    height = _HEAD + high + 0.5
    with look():
        figure = new_figure(width, height)
        write(figure, SIDE, 0.3, title, 11)
        for number, (name, gradient) in enumerate(gradients.items()):
            left = SIDE + number * (wide + _GAP)
            write(figure, left, _HEAD - 0.1, shorten(name, wide, 9))
            axes = add_image(figure, Panel(left, _HEAD, wide, high), gradient, **from_zero(gradient))
            axes.set_facecolor("#DDDDDD")
            (top, bottom), (first, last) = edges
            axes.set_xlim(first - 0.5, last + 0.5)
            axes.set_ylim(bottom + 0.5, top - 0.5)
            _square(axes, rows, columns)
        words = "orange: the theoretical field; bright: a larger mean |gradient|, each on its own scale; grey: padding"
        legend(figure, SIDE, height - 0.15, words)
        save(figure, path)


def _square(axes: Axes, rows: Pair, columns: Pair) -> None:
    from matplotlib.patches import Rectangle

    corner = (columns[0] - 0.5, rows[0] - 0.5)
    sides = columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
    axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=ORANGE, linewidth=2.5, clip_on=False))
