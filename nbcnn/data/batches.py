"""The shuffled order of an epoch and its division into batches, as functions without state."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nbcnn.errors import DataError
from nbcnn.util.rng import stream


def epoch_order(count: int, seed: int, epoch: int, shuffle: bool = True) -> NDArray[np.int64]:
    """The images 0..count-1 in the order of this epoch (1-dimensional); ascending if ``shuffle`` is off.

    Each image draws a 64-bit number and the images are sorted by it. NumPy promises that the raw numbers of a bit
    generator stay what they are, and promises no such thing of ``Generator.permutation``: a run resumed under
    another NumPy meets the same order.
    """
    if count < 1:
        raise DataError(f"an epoch needs at least 1 image, got {count}")
    if not shuffle:
        return np.arange(count, dtype=np.int64)
    draws = stream(seed, "shuffle", epoch).bit_generator.random_raw(count)
    return np.argsort(draws, kind="stable").astype(np.int64, copy=False)


def batches(order: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Cut an order into pieces of ``batch_size`` indices; the last one may be shorter. Every index comes once."""
    if batch_size < 1:
        raise DataError(f"batch_size must be at least 1, got {batch_size}")
    return (order[start : start + batch_size] for start in range(0, len(order), batch_size))
