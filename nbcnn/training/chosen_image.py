"""One image to look at a network with: of a data set by its number, or a picture file, read as in prediction."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbcnn.data import Dataset, load
from nbcnn.data.picture import read
from nbcnn.engine.network import Network
from nbcnn.errors import printable
from nbcnn.training.example_images import as_number, check_number, dataset_of, picture_of

SIDE = 28
"""Rows and columns of a picture file that is looked at without a network."""


class ChosenImage(NamedTuple):
    """``pixels`` uint8 (C, H, W), the ``label`` where it is known, and ``words`` that name the image."""

    pixels: np.ndarray
    label: int | None
    words: str


def chosen_image(network: Network, image: str | Path | int = 0) -> ChosenImage:
    """An image of the shape that a network takes: a number is that of a test image of its data set, all else a file.

    Raises DataError for a number that is not there, for data of another shape or classes, and for a file that is none.
    """
    if (number := as_number(image)) is None:
        return ChosenImage(picture_of(network, image)[0], None, printable(str(image)))
    return _numbered(dataset_of(network), number)


def image_without_network(image: str | Path | int, data: str, data_dir: str | None = None) -> ChosenImage:
    """As ``chosen_image``, of a data set by name or folder; a file is made grey and fitted to SIDE × SIDE pixels."""
    if (number := as_number(image)) is None:
        return ChosenImage(read(str(image), 1, (SIDE, SIDE)), None, printable(str(image)))
    return _numbered(load(data, data_dir=data_dir), number)


def _numbered(data: Dataset, number: int) -> ChosenImage:
    images, labels = data.test.images, data.test.labels
    check_number(data, number)
    label = int(labels[number])
    return ChosenImage(images[number], label, f"test image {number} of {data.name} ({data.classes[label]})")
