"""What rules read of a data set: counts, shape and scale of its training images."""

from __future__ import annotations

from typing import NamedTuple

from nbcnn.data import Dataset


class DataFacts(NamedTuple):
    """Training images, classes, shape (C, H, W); mean and standard deviation of each channel, white being 1."""

    name: str
    images: int
    classes: int
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def facts_of(data: Dataset) -> DataFacts:
    """The facts of a data set."""
    mean, std = data.train.pixel_statistics()
    return DataFacts(data.name, len(data.train), len(data.classes), data.shape, mean, std)
