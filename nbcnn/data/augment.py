"""Random shifts and flips of training images, as functions of seed, epoch and image, without state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbcnn.errors import DataError
from nbcnn.util.rng import stream

BITS = 53
"""Bits of a draw that is compared with a probability: those of a float64, so that p is taken exactly."""


def epoch_augmentations(
    count: int, seed: int, epoch: int, *, padding: int = 0, p: float = 0.0, alternating: bool = False
) -> NDArray[np.int64] | None:
    """The augmentations of images 0..count-1, in this order: rows dy, dx, flip (count, 3); None where nothing can move.

    Pixel (i, j) of the new image is pixel (i + dy, j + dx) of the old one, black outside; then, if ``flip`` is 1, left
    and right are exchanged. dy and dx are -padding..padding, each alike likely, as torchvision's RandomCrop has it;
    flip is 1 with probability ``p``; ``alternating``: so in epoch 1, and in each other where it was not in the one
    before. Raises DataError for a padding below 0 and a p outside of 0..1.

    Each image's draws are raw 64-bit numbers at places of its own (as in ``epoch_order``), shifts and flips in separate
    streams: whatever else is drawn, in whatever order, they stay what they are.
    """
    if padding < 0 or not 0 <= p <= 1:
        raise DataError(f"images are moved by a padding of at least 0 and flipped with p in 0..1, got {padding}, {p}")
    if not padding and not p and not alternating:
        return None
    augmentations = np.zeros((count, 3), np.int64)
    if padding:
        draws = stream(seed, "augment crop", epoch).bit_generator.random_raw(2 * count).reshape(count, 2)
        # The remainder favours small numbers by less than one in 2⁵⁰.
        augmentations[:, :2] = (draws % np.uint64(2 * padding + 1)).astype(np.int64) - padding
    if p or alternating:
        draws = stream(seed, "augment flip", 1 if alternating else epoch).bit_generator.random_raw(count)
        augmentations[:, 2] = (draws >> np.uint64(64 - BITS)) < p * 2.0**BITS
        if alternating:
            augmentations[:, 2] ^= (epoch - 1) % 2
    return augmentations
