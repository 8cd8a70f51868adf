"""The images that a network is looked at with: test images by number, pictures from files, or some of each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbcnn.data import Dataset, read_dataset
from nbcnn.data.classes import in_terms_of
from nbcnn.data.picture import PictureSettings, prepare
from nbcnn.errors import DataError
from nbcnn.report.image_choice import evenly
from nbcnn.training.evaluation import check_images
from nbcnn.training.model import Model
from nbcnn.util.suggestions import nearest


class ExampleImages(NamedTuple):
    """Images uint8 (N, C, H, W), what each is called, its label (None for a picture of a file), what was done to it."""

    images: np.ndarray
    names: tuple[str, ...]
    labels: tuple[int | None, ...]
    steps: tuple[tuple[str, ...], ...]

    def labels_or(self, guesses: np.ndarray) -> np.ndarray:
        """The labels (N,) int64, of a picture without one the network's guess."""
        pairs = zip(self.labels, guesses, strict=True)
        return np.array([guess if label is None else label for label, guess in pairs], np.int64)


def example_images(network: Model, chosen: Sequence[str | int | Path] = (), count: int = 1) -> ExampleImages:
    """The images that ``chosen`` names: numbers of test images, counted from 0, or files of pictures.

    Without any, the first ``count`` test images, in turns one of each class. Pictures become pixels as ``predict``
    makes them. Raises DataError for a number that no test image has, for a picture that can't be read, and for a data
    set whose images are of another size.
    """
    numbers = [_number(one) for one in chosen]
    data = _data(network) if not chosen or any(number is not None for number in numbers) else None
    if not chosen and data is not None:
        numbers = list(evenly(data.test.labels.tolist(), count))
    found: list[tuple[np.ndarray, str, int | None, tuple[str, ...]]] = []
    for number, name in zip(numbers, chosen or numbers, strict=True):
        if number is None or data is None:
            image, steps = _picture(network, name)
            found.append((image, str(name), None, steps))
            continue
        if number >= len(data.test):
            raise DataError(
                f"{data.name} has no test image {number}: there are {len(data.test):,}, 0 to {len(data.test) - 1}"
            )
        found.append((data.test.images[number], f"test image {number}", int(data.test.labels[number]), ()))
    images, names, labels, steps = zip(*found, strict=True)
    return ExampleImages(np.stack(images), names, labels, steps)


def _number(one: str | int | Path | None) -> int | None:
    """The number of a test image, or None for a file, which may be called ./5."""
    return int(one) if isinstance(one, int) or (isinstance(one, str) and one.isascii() and one.isdigit()) else None


def _data(network: Model) -> Dataset:
    found = read_dataset(network.config.data)
    check_images(network, found)
    return in_terms_of(found, network.classes, network.out_shape[0])


def _picture(network: Model, name: str | int | Path | None) -> tuple[np.ndarray, tuple[str, ...]]:
    reading = network.reading or PictureSettings()
    channels, height, width = network.in_shape
    how = reading.dark_background, None, reading.white_level, reading.pictures
    made = prepare(str(name), channels, height, width, *how)
    return made.image, tuple(made.steps)


def class_index(network: Model, name: str) -> int:
    """The output of a class by its name or its number; raises DataError with the nearest name."""
    outputs = network.out_shape[0]
    names = [network.class_name(output) for output in range(outputs)]
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < outputs:
        return int(name)
    raise DataError(f"{network.config.name} has no class {name!r}; {nearest(name, names)}")
