"""Many image files read into one array (N, C, H, W), all of one size and number of channels."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbcnn.data import image_file, picture
from nbcnn.data.dataset import Dataset, Split
from nbcnn.data.image_depth import FULL
from nbcnn.data.image_depth import white_level as white_of
from nbcnn.data.picture_changes import Done
from nbcnn.errors import DataError, printable
from nbcnn.util.formatting import counted
from nbcnn.util.memory import gigabytes, memory

NAMED = 5  # so many stray files are named, the others counted
LISTED = 10  # so many broken images, a line each


class Deep(NamedTuple):
    """The largest number of a picture with more than 8 bits, and whether its numbers are floating-point."""

    largest: float
    floats: bool


class Images(NamedTuple):
    """Images (N, C, H, W) of picture files, the changes made with counts, and the white level (or None)."""

    pixels: NDArray[np.uint8]
    done: tuple[str, ...]
    white_level: int | None


def read_images(
    paths: Sequence[Path], size: tuple[int, int] | None, grayscale: bool, remedy: str, white_level: int | None = None
) -> Images:
    """The images of all files, training and test images at once: C = 1 if ``grayscale`` else 3, fitted to ``size``.

    Each is prepared as ``nbcnn predict`` prepares a picture, but not inverted. Those of more than 8 bits have one
    white: ``white_level``, or that of image_depth.white_level for the largest of all their numbers. Raises DataError,
    naming the first LISTED files, for what cannot be read, and with ``remedy`` for images that have not the size of
    the first. Warns of numbers above the white level.
    """
    reader = _Reader(len(paths), 1 if grayscale else 3, size)
    for n, path in enumerate(paths):
        reader.read(n, path, white_level)
    if white_level is None and reader.deep:
        white_level = _white(paths, reader.deep)
        for n in reader.deep:
            reader.read(n, paths[n], white_level)
    reader.refuse(paths, remedy)
    for sentence in reader.done.warnings():
        remedy = f"if white is more than {white_level}, set data.white_level, as in --set data.white_level={FULL}"
        more = remedy if "white level" in sentence else "save them as PNG"
        warnings.warn(printable(f"{sentence}; {more}"), RuntimeWarning, stacklevel=2)
    assert reader.pixels is not None
    done = reader.done.sentences(white_level)
    low, high = int(reader.pixels.min()), int(reader.pixels.max())
    if low < high < low + picture.FEW_LEVELS:
        done = (*done, f"{len(paths):,}: levels from {low} to {high} alone, of 0 to 255")
    return Images(reader.pixels, done, white_level)


class _Reader:
    """Reader of the files into ``pixels``, which is allocated once the first file's size is known."""

    def __init__(self, count: int, channels: int, size: tuple[int, int] | None) -> None:
        self._count, self._channels, self._size = count, channels, size
        self.pixels: NDArray[np.uint8] | None = None
        self.done = Done()
        self.deep: dict[int, Deep] = {}
        """Range and kind of numbers, by the file's place, where these wait for a white level."""
        self._like: int | None = None
        self._broken: list[str] = []
        self._odd: dict[int, tuple[int, ...]] = {}

    def read(self, n: int, path: Path, white_level: int | None) -> None:
        """Read file ``n``, unless it is one of more than 8 bits and there is no white level yet."""
        try:
            one = picture.opened(path)
            if white_level is None and one.deep and one.deep.white is None:
                self.deep[n] = Deep(one.deep.range[1], one.deep.floats)
                return
            made = one.make(self._channels, self._size, white_level)
        except DataError as error:
            self._broken.append(str(error))
            return
        if self.pixels is None:
            self._like, self.pixels = n, _empty((self._count, *made.image.shape))
        if made.image.shape != self.pixels.shape[1:]:
            self._odd[n] = made.image.shape
            return
        self.pixels[n] = made.image
        self.done.add(made)

    def refuse(self, paths: Sequence[Path], remedy: str) -> None:
        """Raise DataError for what could not be read, or has another size than the first."""
        if len(self._broken) == 1:
            raise DataError(self._broken[0])
        if self._broken:
            lines = [f"{len(self._broken):,} of {self._count:,} images can't be read:", *_listed(self._broken)]
            raise DataError("\n".join(lines))
        if self._like is None or not self._odd:
            return
        assert self.pixels is not None
        like = f"{paths[self._like]} is {_sized(self.pixels.shape[1:])}"
        if len(self._odd) == 1:
            ((n, shape),) = self._odd.items()
            raise DataError(f"{paths[n]} is {_sized(shape)} (height x width), but {like}; {remedy}")
        first = (
            f"{len(self._odd):,} of {self._count:,} images have another size (height x width) than the first, {like}"
        )
        others = [
            f"{paths[n]} is {_sized(shape)}" for n, shape in sorted(self._odd.items(), key=lambda item: paths[item[0]])
        ]
        raise DataError("\n".join([f"{first}:", *_listed(others), remedy]))


def _sized(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[2]}"


def _listed(sentences: Sequence[str]) -> list[str]:
    """The first LISTED, a line each, and how many there are besides."""
    more = [f"  and {len(sentences) - LISTED:,} more"] * (len(sentences) > LISTED)
    return [f"  {sentence}" for sentence in sentences[:LISTED]] + more


def _white(paths: Sequence[Path], deep: Mapping[int, Deep]) -> int:
    """The white level of pictures with these numbers; raises DataError where none is plain."""
    largest = max(deep, key=lambda n: deep[n].largest)
    floats = [n for n in deep if deep[n].floats]
    remedy = "save all with 8 or 16 bits, or say what is white, as in --set data.white_level=4095"
    if floats and len(floats) < len(deep):
        whole = next(n for n in deep if not deep[n].floats)
        raise DataError(
            f"{paths[floats[0]]} has floating-point numbers and {paths[whole]} whole ones, so that white is not the "
            f"same number in both; {remedy}"
        )
    found = white_of(deep[largest].largest, bool(floats))
    if found is None:
        raise DataError(f"{paths[largest]} has numbers up to {deep[largest].largest:g}, more than 16 bits; {remedy}")
    return found


def _empty(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pixels (N, C, H, W) to be filled; raises DataError where they do not fit into memory."""
    has, needed = memory(), prod(shape)
    what = f"{shape[0]:,} images of {shape[2]:,}×{shape[3]:,} pixels"
    if shape[2] * shape[3] > image_file.MAX_PIXELS:
        raise DataError(f"{what} are too large; data.size may be {image_file.MAX_PIXELS:,} pixels at most")
    sentence = f"{what} take {gigabytes(needed)}, and {has}: set a smaller data.size"
    if needed > has.bytes:
        raise DataError(sentence)
    try:
        return np.empty(shape, np.uint8)
    except MemoryError:
        raise DataError(sentence) from None


def refuse_strays(folder: Path, paths: Collection[Path]) -> None:
    """Raise DataError, naming them, if there are files that are not images."""
    strays = [path for path in paths if not image_file.is_picture(path)]
    if strays:
        named = ", ".join(str(path.relative_to(folder)) for path in strays[:NAMED])
        more = f" and {len(strays) - NAMED} more" if len(strays) > NAMED else ""
        what, them = ("is not an image", "it") if len(strays) == 1 else ("are not images", "them")
        raise DataError(
            f"{folder}: {counted(len(strays), 'file')} in the class folders {what}: {named}{more}; move {them} "
            f"elsewhere or save {them} as {image_file.formats()}"
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
    count = len(train) + len(test)
    done = [f"{count:,}: colour to grey"] * (channels != after)
    if size not in (None, (height, width)):
        done.append(f"{count:,}: resized to {size[1]}×{size[0]} from {width}×{height}")
    return replace(dataset, train=train, test=test, done=tuple(done))


def _refitted(images: NDArray[np.uint8], channels: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    fitted = _empty((len(images), channels, *size))
    for n, image in enumerate(images):
        fitted[n] = picture.refit(image, channels, size)
    return fitted
