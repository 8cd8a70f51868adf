"""Figures of a data set's images and labels that rules look at, each computed when it is first asked for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nbcnn.data import Dataset, Split
from nbcnn.data.duplicates import Duplicates, find_duplicates
from nbcnn.util.rng import stream

MOST = 4000
"""Images of a split that are told apart by means: the first ones in an order that mixes them."""
SMOOTH = 500
"""Images whose smoothness is measured."""


class DataFacts:
    """``shares`` (K,) of the classes in the training images, and what is known of pixels and labels."""

    def __init__(self, data: Dataset) -> None:
        self.data = data
        counts = np.bincount(data.train.labels, minlength=len(data.classes))
        self.counts: NDArray[np.int64] = counts
        self.shares: NDArray[np.float64] = counts / counts.sum()

    @cached_property
    def duplicates(self) -> Duplicates:
        """Images that are in two splits."""
        return find_duplicates(self.data)

    @cached_property
    def pixels(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel of MOST training images, pixels from 0 to 1."""
        return _pixels(self.data.train)

    @cached_property
    def test_pixels(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The same of the test images."""
        return _pixels(self.data.test)

    @cached_property
    def followed_by_its_class(self) -> float:
        """The share of training images that are followed by one of their own class, in the order of the data."""
        labels = self.data.train.labels
        return float(np.mean(labels[1:] == labels[:-1])) if len(labels) > 1 else 0.0

    @cached_property
    def told_apart(self) -> float:
        """The share of training images whose class the nearest of the classes' mean images tells: no network needed.

        Means are those of half of the images, which judge the other half.
        """
        return self.told_apart_by(0)

    def told_apart_by(self, shift: int) -> float:
        """The same, with the labels moved by ``shift`` images."""
        x, y = _few(self.data.train, shift)
        half = len(x) // 2
        return _nearest_mean(x[:half], y[:half], x[half:], y[half:])

    @cached_property
    def shift_that_fits(self) -> int:
        """By how many images labels have to be moved to belong to them, up to 3; 0 where no shift does it."""
        found = {shift: self.told_apart_by(shift) for shift in (-3, -2, -1, 1, 2, 3)}
        best = max(found, key=lambda shift: found[shift])
        return best if found[best] > self.told_apart + 0.2 else 0

    @cached_property
    def test_told_apart(self) -> float:
        """The share of test images whose class the nearest of the mean training images tells."""
        return _nearest_mean(*_few(self.data.train), *_few(self.data.test))

    @cached_property
    def smoother_order(self) -> tuple[str, float]:
        """Another order of an image's numbers that makes it smoother, and the share of its roughness that is left.

        The roughness is the mean difference of neighbours in rows and columns. Empty and 1 where none does.
        """
        c, h, w = self.data.train.images.shape[1:]
        if c == 1 and h == w:
            return "", 1.0
        x = self.data.train.images[:SMOOTH].astype(np.int16)
        n, others = len(x), {}
        if c > 1:
            others["read with the channels last"] = x.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        if h != w:
            others["read with height and width swapped"] = x.reshape(n, c, w, h)
        here = _roughness(x)
        left = {words: _roughness(other) / here for words, other in others.items()} if here else {}
        words = min(left, key=lambda one: left[one], default="")
        return (words, left[words]) if words and left[words] < 1 else ("", 1.0)


def _roughness(x: NDArray[np.int16]) -> float:
    pairs = ((x[..., 1:], x[..., :-1]), (x[..., 1:, :], x[..., :-1, :]))
    return float(sum(np.abs(a - b).mean() for a, b in pairs if a.size))


def _sample(split: Split) -> NDArray[np.int64]:
    """The numbers of at most MOST images of a split, in a fixed order that mixes them."""
    draws = stream(0, "doctor").bit_generator.random_raw(len(split))
    return np.argsort(draws, kind="stable").astype(np.int64)[:MOST]


def _pixels(split: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    order = _sample(split)
    return Split(split.images[order], split.labels[order]).pixel_statistics()


def _few(split: Split, shift: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pixels (M, F) and labels (M,) of at most MOST images; labels moved by ``shift``."""
    order = _sample(split)
    return split.images[order].reshape(len(order), -1).astype(np.float32), np.roll(split.labels, shift)[order]


def _nearest_mean(
    x: NDArray[np.float32], y: NDArray[np.int64], others: NDArray[np.float32], labels: NDArray[np.int64]
) -> float:
    """The share of images ``others`` (M, F) whose label is that of the nearest mean of images x (N, F) of a label."""
    if not len(y) or not len(others):
        return 1.0
    known = np.unique(y)
    means = np.stack([x[y == label].mean(axis=0) for label in known])
    distances = (means**2).sum(axis=1) - 2 * others @ means.T
    return float(np.mean(known[distances.argmin(axis=1)] == labels))
