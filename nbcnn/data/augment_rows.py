"""Random numbers of augmentation for each training image of an epoch, as functions of seed, epoch and image.

Each way to augment has a stream of its own, and each image places of its own in it, so that nothing else that is drawn
changes a number, in whatever order it happens.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbcnn.data.augment import epoch_augmentations
from nbcnn.kernels import augmented_packs as columns
from nbcnn.util.rng import stream

Floats = NDArray[np.float64]
Range = tuple[float, float]

ATTEMPTS = 10
"""Rectangles that are drawn until one fits into the image; as many as torchvision draws."""
_BETA_POINTS = 1 << 14


class Affine(NamedTuple):
    """Ranges of ``degrees``, ``scale``, ``shear`` (degrees); ``translate``, at most, as shares of width and height."""

    degrees: Range
    translate: Range
    scale: Range
    shear: Range


class Erasing(NamedTuple):
    """The probability ``p``, ranges of area (``scale``, a share) and of height by width (``ratio``), the ``value``."""

    p: float
    scale: Range
    ratio: Range
    value: float


def epoch_rows(
    count: int,
    seed: int,
    epoch: int,
    shape: tuple[int, int],
    *,
    padding: int = 0,
    reflect: bool = False,
    p: float = 0.0,
    alternating: bool = False,
    affine: Affine | None = None,
    erasing: Erasing | None = None,
    alpha: float | None = None,
) -> Floats:
    """The rows of images 0..count-1 of height and width ``shape``, for the kernel ``gather_augmented``.

    They have AUGMENT_COLUMNS columns where images are mixed (with ``alpha``), else UNMIXED_COLUMNS. Shifts and flips
    are those of ``epoch_augmentations``.
    """
    rows = np.zeros((count, columns.UNMIXED_COLUMNS if alpha is None else columns.AUGMENT_COLUMNS))
    augmentations = epoch_augmentations(count, seed, epoch, padding=padding, p=p, alternating=alternating)
    if augmentations is not None:
        rows[:, : columns.FLIP + 1] = augmentations
    rows[:, columns.REFLECT] = reflect
    if affine is not None:
        rows[:, columns.AFFINE] = 1
        rows[:, columns.MATRIX : columns.MATRIX + 6] = _matrices(
            _uniform(count, seed, "affine", epoch, 5), shape, affine
        )
    if erasing is not None:
        draws = _uniform(count, seed, "erasing", epoch, 1 + 2 * ATTEMPTS + 2)
        rows[:, columns.TOP : columns.RIGHT + 1] = _rectangles(draws, shape, erasing)
        rows[:, columns.VALUE] = erasing.value
    if alpha is not None:
        mixed = stream(seed, "augment mixup", epoch).bit_generator.random_raw(2 * count).reshape(count, 2)
        rows[:, columns.PARTNER] = mixed[:, 0] % np.uint64(count)
        rows[:, columns.SHARE] = mixup_shares(_fraction(mixed[:, 1]), alpha)
    return rows


def mixup_shares(uniform: Floats, alpha: float) -> Floats:
    """Shares of at least 0.5 of an image itself, from numbers (N,) in 0..1: the larger of λ and 1 - λ, λ by Beta(α, α).

    The distribution function of the smaller one, y, is inverted on a table. Up to α = 1 that is of t = y^α, whose
    density (1 - y)^(α - 1) is finite at 0, where y's own is not.
    """
    if alpha <= 1:
        points = np.linspace(0, 0.5**alpha, _BETA_POINTS)
        smaller = points ** (1 / alpha)
        density = (1 - smaller) ** (alpha - 1)
    else:
        points = smaller = np.linspace(0, 0.5, _BETA_POINTS)
        density = (4 * smaller * (1 - smaller)) ** (alpha - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    found: Floats = np.interp(uniform * below[-1], below, points)
    return 1 - (found ** (1 / alpha) if alpha <= 1 else found)


def _matrices(draws: Floats, shape: tuple[int, int], affine: Affine) -> Floats:
    """Six numbers (N, 6) that lead from a pixel of the new image to one of the old; torchvision's, about the centre."""
    height, width = shape
    angle, shear = (np.radians(_between(draws[:, k], r)) for k, r in ((0, affine.degrees), (4, affine.shear)))
    scale = _between(draws[:, 1], affine.scale)
    right, down = (
        np.rint(_between(draws[:, 2 + k], (-share * size, share * size)))
        for k, (share, size) in enumerate(zip(affine.translate, (width, height), strict=True))
    )
    # Rotation times shear is [[cos, -cos tan - sin], [sin, cos - sin tan]]; its determinant is 1.
    sin, cos, tan = np.sin(angle), np.cos(angle), np.tan(shear)
    inverse = np.stack([cos - sin * tan, cos * tan + sin, -sin, cos], 1) / scale[:, None]
    x, y = (width - 1) / 2 + right, (height - 1) / 2 + down
    m = np.empty((len(draws), 6))
    m[:, [0, 1, 3, 4]] = inverse
    m[:, 2] = (width - 1) / 2 - inverse[:, 0] * x - inverse[:, 1] * y
    m[:, 5] = (height - 1) / 2 - inverse[:, 2] * x - inverse[:, 3] * y
    return m


def _rectangles(draws: Floats, shape: tuple[int, int], erasing: Erasing) -> Floats:
    """Top, left, bottom and right (N, 4) of what is erased; zeros where nothing is."""
    height, width = shape
    areas = height * width * _between(draws[:, 1 : 1 + ATTEMPTS], erasing.scale)
    low, high = (math.log(ratio) for ratio in erasing.ratio)
    ratios = np.exp(_between(draws[:, 1 + ATTEMPTS : 1 + 2 * ATTEMPTS], (low, high)))
    tall, wide = np.rint(np.sqrt(areas * ratios)), np.rint(np.sqrt(areas / ratios))
    fits = (tall < height) & (wide < width)
    first = fits.argmax(axis=1)[:, None]
    tall, wide = (np.take_along_axis(sizes, first, axis=1)[:, 0] for sizes in (tall, wide))
    erased = (draws[:, 0] < erasing.p) & fits.any(axis=1)
    top = np.floor(draws[:, -2] * (height - tall + 1))
    left = np.floor(draws[:, -1] * (width - wide + 1))
    found: Floats = np.stack([top, left, top + tall, left + wide], 1) * erased[:, None]
    return found


def _uniform(count: int, seed: int, purpose: str, epoch: int, each: int) -> Floats:
    """Numbers (count, each) from 0 to below 1."""
    return _fraction(stream(seed, f"augment {purpose}", epoch).bit_generator.random_raw(count * each)).reshape(
        count, each
    )


def _fraction(draws: NDArray[np.uint64]) -> Floats:
    """53 bits of each raw number, as a number from 0 to below 1."""
    found: Floats = (draws >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


def _between(share: Floats, bounds: Range) -> Floats:
    return bounds[0] + share * (bounds[1] - bounds[0])
