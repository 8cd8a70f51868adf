"""The images that a network is looked at with: test images by number, pictures from files, or some of each class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbcnn.data import Dataset, read_dataset
from nbcnn.data.classes import in_terms_of
from nbcnn.data.picture import PictureSettings, prepare
from nbcnn.engine.network import Network
from nbcnn.errors import DataError
from nbcnn.report.image_choice import evenly
from nbcnn.training.evaluation import check_images
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


def example_images(network: Network, chosen: Sequence[str | int | Path] = (), count: int = 1) -> ExampleImages:
    """The images that ``chosen`` names: numbers of test images, counted from 0, or files of pictures.

    Without any, the first ``count`` test images, in turns one of each class. Pictures become pixels as ``predict``
    makes them. Raises DataError for a number that no test image has, for a picture that can't be read, and for a data
    set whose images are of another size.
    """
    numbers = [as_number(one) for one in chosen]
    data = dataset_of(network) if not chosen or any(number is not None for number in numbers) else None
    if not chosen and data is not None:
        numbers = list(evenly(data.test.labels.tolist(), count))
    found: list[tuple[np.ndarray, str, int | None, tuple[str, ...]]] = []
    for number, name in zip(numbers, chosen or numbers, strict=True):
        if number is None or data is None:
            image, steps = picture_of(network, name)
            found.append((image, str(name), None, steps))
            continue
        check_number(data, number)
        found.append((data.test.images[number], f"test image {number}", int(data.test.labels[number]), ()))
    images, names, labels, steps = zip(*found, strict=True)
    return ExampleImages(np.stack(images), names, labels, steps)


def as_number(one: object) -> int | None:
    """The number of a test image, also where it was typed; None for the name of a file, which may be called ./5."""
    return int(str(one)) if isinstance(one, (int, str)) and re.fullmatch(r"-?\d{1,18}", str(one)) else None


def check_number(data: Dataset, number: int) -> None:
    """Raise DataError for a number that no test image has."""
    if not 0 <= number < len(data.test):
        raise DataError(f"{data.name} has no test image {number}: they are numbered from 0 to {len(data.test) - 1}")


def dataset_of(network: Network) -> Dataset:
    """The data set of a network, its labels those of the network's outputs; raises DataError where it does not fit."""
    found = read_dataset(network.config.data)
    check_images(network, found)
    return in_terms_of(found, network.classes, network.out_shape[0])


def picture_of(network: Network, name: object) -> tuple[np.ndarray, tuple[str, ...]]:
    """A picture file's pixels uint8 (C, H, W), as ``predict`` makes them, and what was done to it; raises DataError."""
    reading = network.reading or PictureSettings()
    channels, height, width = network.in_shape
    how = reading.dark_background, None, reading.white_level, reading.pictures
    made = prepare(str(name), channels, height, width, *how)
    return made.image, tuple(made.steps)


def class_index(network: Network, name: str) -> int:
    """The output of a class by its name or its number; raises DataError with the nearest name."""
    outputs = network.out_shape[0]
    names = [network.class_name(output) for output in range(outputs)]
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < outputs:
        return int(name)
    raise DataError(f"{network.config.name} has no class {name!r}; {nearest(name, names)}")
