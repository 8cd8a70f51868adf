"""Test-time augmentation: the scores of an image and of its mirror image, averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from nbcnn.errors import ConfigError

TTA = Literal["flip"]
"""Ways to augment at test time. ``flip``: left and right are exchanged, as random_horizontal_flip does in training."""

AT_ONCE = 1000
"""Images whose mirror images are in memory at a time."""


def check_tta(tta: object) -> None:
    """Raise ConfigError for what is no way to augment at test time, and not None."""
    if tta is not None and tta not in get_args(TTA):
        raise ConfigError(f"unknown tta {tta!r}: expected {', '.join(get_args(TTA))}, or None for none")


def scores(predict: Callable[[np.ndarray], np.ndarray], images: np.ndarray, tta: TTA | None) -> np.ndarray:
    """The scores (N, K) that ``predict`` gives for images (N, C, H, W); with "flip" the mean of image and mirror image.

    It is the scores that are averaged, before softmax, and not the probabilities.
    """
    if tta is None:
        return predict(images)
    parts = [images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE)] or [images]
    means = [(predict(part) + predict(np.ascontiguousarray(part[..., ::-1]))) / 2 for part in parts]
    return np.concatenate(means)


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The losses (N,) of scores (N, K), equation (15), in float64."""
    wide = scores.astype(np.float64)
    largest = wide.max(axis=1)
    total = np.log(np.exp(wide - largest[:, None]).sum(axis=1))
    losses: np.ndarray = total - (wide[np.arange(len(wide)), labels] - largest)
    return losses
