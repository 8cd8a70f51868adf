"""The picture of augmented training images: each original beside its versions of the first epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.report.figure import DPI, GREY, look, save, shorten

if TYPE_CHECKING:
    import numpy as np

IMAGES, EPOCHS = 6, 7
"""Rows and, after the image itself, columns of the picture."""
_CELL, _GAP, _HEAD, _SIDE = 1.0, 0.1, 0.75, 0.25  # inches


def draw_augmented(
    images: np.ndarray, augmentations: list[np.ndarray], path: str | Path, words: str, shown: int | None = None
) -> None:
    """Draw a row for each of images uint8 (n, C, H, W), C 1 or 3: itself, then augmented by each of ``augmentations``.

    ``shown`` is how many have a row; the rest are those that they are mixed with. They are augmented by the kernel that
    training uses. ``words`` say by what. Raises CheckpointError when the file can't be written.
    """
    columns = [images[:shown], *(moved(images, each, shown) for each in augmentations)]
    tall, wide = images.shape[2:]
    cell = (_CELL * wide / max(wide, tall), _CELL * tall / max(wide, tall))
    width = 2 * _SIDE + len(columns) * (cell[0] + _GAP)
    height = _HEAD + len(columns[0]) * (cell[1] + _GAP) + _SIDE
    with look():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), dpi=DPI)
        title = shorten(f"Training images, augmented: {words}", width - 2 * _SIDE, 11)
        figure.text(_SIDE / width, 1 - 0.28 / height, title, fontsize=11)
        for column, column_images in enumerate(columns):
            left = _SIDE + column * (cell[0] + _GAP)
            name = f"epoch {column}" if column else "image"
            figure.text(left / width, 1 - 0.62 / height, name, fontsize=9, color=GREY)
            for row, image in enumerate(column_images):
                bottom = height - _HEAD - (row + 1) * (cell[1] + _GAP) + _GAP
                axes = figure.add_axes((left / width, bottom / height, cell[0] / width, cell[1] / height))
                axes.imshow(image[0] if len(image) == 1 else image.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)
                axes.set_axis_off()
        save(figure, path)


def moved(images: np.ndarray, augmentations: np.ndarray, shown: int | None = None) -> np.ndarray:
    """The first ``shown``, at most 16, of images uint8 (n, C, H, W), augmented as their rows say."""
    import numpy as np

    from nbcnn.kernels import augmented_packs, packs
    from nbcnn.kernels.contract import LANES

    count, (channels, height, width) = shown or len(images), images.shape[1:]
    x, same = np.zeros((*images.shape[1:], LANES), np.float32), np.zeros((2, channels), np.float32)
    same[0] = 1
    if augmentations.dtype.kind == "i":
        packs.gather_moved(images, np.arange(count), np.array([0, count]), same, augmentations, x)
    else:
        numbers = np.append(np.arange(LANES), count)
        scratch = np.zeros((2 * channels + 1, height + 2, width + 2), np.float32)
        augmented_packs.gather_augmented(images, numbers, same, augmentations, scratch, x)
    return np.ascontiguousarray(np.moveaxis(np.rint(x[..., :count]), -1, 0)).astype(np.uint8)
