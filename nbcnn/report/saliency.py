"""The picture of what scores depend on: each image beside its gradient and its occlusion map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.report.figure import look, save, shorten
from nbcnn.report.image_panels import (
    SIDE,
    Panel,
    add_image,
    fitted,
    from_zero,
    legend,
    new_figure,
    picture,
    symmetric,
    write,
)

if TYPE_CHECKING:
    import numpy as np

_CELL, _GAP, _LINE, _HEAD = 1.9, 0.15, 0.3, 0.85  # inches


def draw_saliency(
    images: np.ndarray,
    gradients: np.ndarray,
    occlusions: np.ndarray,
    titles: Sequence[str],
    path: str | Path,
    title: str,
) -> None:
    """Draw a row for each of images uint8 (n, 1 or 3, H, W): itself, ``gradients`` and ``occlusions`` (n, H, W).

    ``titles`` stand above the rows. Raises CheckpointError when the file can't be written.
    """
    wide, high = fitted(images.shape[2:], _CELL)
    width = 2 * SIDE + 3 * wide + 2 * _GAP
    width = max(width, 4.5)
    height = _HEAD + len(images) * (_LINE + high) + 0.45
    with look():
        figure = new_figure(width, height)
        write(figure, SIDE, 0.3, title, 11)
        columns = [SIDE + number * (wide + _GAP) for number in range(3)]
        for left, words in zip(columns, ("image", "|gradient| of the score", "fall when covered"), strict=True):
            write(figure, left, _HEAD - 0.15, shorten(words, wide, 9), color="#444444")
        for row, (image, gradient, occlusion) in enumerate(zip(images, gradients, occlusions, strict=True)):
            top = _HEAD + row * (_LINE + high) + _LINE
            write(figure, SIDE, top - 0.09, titles[row])
            pixels, colours = picture(image)
            add_image(figure, Panel(columns[0], top, wide, high), pixels, **colours)
            add_image(figure, Panel(columns[1], top, wide, high), gradient, **from_zero(gradient))
            add_image(figure, Panel(columns[2], top, wide, high), occlusion, **symmetric(occlusion))
        legend(figure, SIDE, height - 0.15, "right: red where covering lowers the score, blue where it raises it")
        save(figure, path)
