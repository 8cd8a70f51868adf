"""Images of one size and one number of channels: what nbcnn.picture makes of a file, for many of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbcnn import imagefile, picture
from nbcnn.data.dataset import Dataset, Split, counted
from nbcnn.errors import DataError
from nbcnn.memory import gigabytes, memory

NAMED = 5  # so many stray files are named, the others counted


def read_images(
    paths: Collection[Path], like: Path, size: tuple[int, int] | None, grayscale: bool, remedy: str
) -> NDArray[np.uint8]:
    """The images (N, C, H, W), C = 1 if ``grayscale`` else 3, fitted to ``size`` = (H, W) if given.

    Each is prepared as ``nbcnn predict`` prepares a picture, but not inverted. Raises DataError, naming the file, for
    what cannot be read, and with ``remedy`` for an image that has not the size of the image ``like``.
    """
    channels = 1 if grayscale else 3
    shape = (channels, *size) if size else picture.read(like, channels).shape
    images = _empty((len(paths), *shape))
    for n, path in enumerate(paths):
        image = picture.read(path, channels, size)
        if image.shape != shape:
            raise DataError(
                f"{path} is {image.shape[1]} x {image.shape[2]} (height x width), but {like} is "
                f"{shape[1]} x {shape[2]}; {remedy}"
            )
        images[n] = image
    return images


def _empty(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pixels (N, C, H, W) to be filled; raises DataError where they do not fit into memory."""
    has, needed = memory(), prod(shape)
    what = f"{shape[0]:,} images of {shape[2]:,}×{shape[3]:,} pixels"
    if shape[2] * shape[3] > imagefile.MAX_PIXELS:
        raise DataError(f"{what} are too large; data.size may be {imagefile.MAX_PIXELS:,} pixels at most")
    sentence = f"{what} take {gigabytes(needed)}, and {has}: set a smaller data.size"
    if needed > has.bytes:
        raise DataError(sentence)
    try:
        return np.empty(shape, np.uint8)
    except MemoryError:
        raise DataError(sentence) from None


def refuse_strays(folder: Path, paths: Collection[Path]) -> None:
    """Raise DataError, naming them, if there are files that are not images."""
    strays = [path for path in paths if not imagefile.is_picture(path)]
    if strays:
        named = ", ".join(str(path.relative_to(folder)) for path in strays[:NAMED])
        more = f" and {len(strays) - NAMED} more" if len(strays) > NAMED else ""
        what, them = ("is not an image", "it") if len(strays) == 1 else ("are not images", "them")
        raise DataError(
            f"{folder}: {counted(len(strays), 'file')} in the class folders {what}: {named}{more}; move {them} "
            f"elsewhere or save {them} as {imagefile.formats()}"
        )


def refit(dataset: Dataset, size: tuple[int, int] | None, grayscale: bool) -> Dataset:
    """The data set made grey if ``grayscale`` and fitted to ``size`` = (H, W) if given, as a picture from a file is.

    Raises DataError for channels other than 1 or 3, if there is anything to do.
    """
    channels, height, width = dataset.shape
    if (not grayscale or channels == 1) and size in (None, (height, width)):
        return dataset
    if channels not in (1, 3):
        raise DataError(
            f"{dataset.name} ({dataset.source}): images of {channels} channels cannot be made grey or resized, "
            "only those of 1 or 3"
        )
    after = 1 if grayscale else channels
    train, test = (
        Split(_refitted(split.images, after, size or (height, width)), split.labels)
        for split in (dataset.train, dataset.test)
    )
    return replace(dataset, train=train, test=test)


def _refitted(images: NDArray[np.uint8], channels: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    fitted = _empty((len(images), channels, *size))
    for n, image in enumerate(images):
        fitted[n] = picture.refit(image, channels, size)
    return fitted
