"""Image files to arrays, with Pillow: a fixed list of formats, a cap on pixels, grey or RGB, one size."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.dataset import Dataset, Split
from nbcnn.errors import DataError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
MAX_PIXELS = 50_000_000


def read_image(path: Path, size: tuple[int, int] | None = None, grayscale: bool = False) -> NDArray[np.uint8]:
    """The image as (C, H, W), C = 1 if ``grayscale`` else 3, resized (bilinear) to ``size`` = (H, W) if given.

    Turned upright if its EXIF data say so; transparency is dropped; of an animation the first frame counts. Raises
    DataError, naming the file, for what is not an image, is broken, has 16-bit or float pixels or too many of them.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not path.is_file():
        raise DataError(f"{path}: expected an image, got a special file")
    try:
        # Pillow warns of pixel counts below our cap and of oddities in metadata; neither is the reader's concern.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise DataError(
                    f"{path}: has {opened.width} x {opened.height} pixels, more than the limit of {MAX_PIXELS:,}"
                )
            if opened.mode[0] in "IF":
                # convert() would clip these to 0..255 and give an almost white image.
                raise DataError(f"{path}: has 16-bit or float pixels (mode {opened.mode}); convert it to 8 bits")
            image = ImageOps.exif_transpose(opened).convert("L" if grayscale else "RGB")
    except UnidentifiedImageError as problem:
        raise DataError(f"{path}: is not an image ({', '.join(FORMATS)})") from problem
    except Image.DecompressionBombError as problem:
        raise DataError(f"{path}: has more pixels than the limit of {MAX_PIXELS:,}") from problem
    except DataError:
        raise
    except Exception as problem:  # Pillow's decoders raise whatever a broken file makes them run into
        raise DataError(f"{path}: is a broken image: {problem}") from problem
    if size is not None:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return _channels_first(np.asarray(image))


def refit(dataset: Dataset, size: tuple[int, int] | None, grayscale: bool) -> Dataset:
    """The data set made grey if ``grayscale`` and resized (bilinear) to ``size`` = (H, W) if given.

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
    train, test = (
        Split(_refitted(split.images, size, grayscale), split.labels) for split in (dataset.train, dataset.test)
    )
    return replace(dataset, train=train, test=test)


def _refitted(images: NDArray[np.uint8], size: tuple[int, int] | None, grayscale: bool) -> NDArray[np.uint8]:
    from PIL import Image

    count, channels, *old = images.shape
    grey = grayscale or channels == 1
    fitted = np.empty((count, 1 if grey else 3, *(size or old)), dtype=np.uint8)
    for n in range(count):
        pixels = images[n, 0] if channels == 1 else np.ascontiguousarray(images[n].transpose(1, 2, 0))
        image = Image.fromarray(pixels).convert("L" if grey else "RGB")
        if size is not None:
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        fitted[n] = _channels_first(np.asarray(image))
    return fitted


def _channels_first(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
