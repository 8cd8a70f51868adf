"""Memory that all worker threads share: arrays of layers, and activations that are kept from stage to stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.util.aligned import zeros

BYTES = np.dtype(np.uint8)


class Rows:
    """What crosses from stage to stage: memory with a row for each pack, of all workers; as large as was asked for."""

    def __init__(self) -> None:
        self._rows = zeros((1, 0), BYTES)

    def of(self, packs: int, bytes_each: int) -> np.ndarray:
        """(packs, bytes) or larger; what it held may be lost."""
        have = self._rows.shape
        if have[0] < packs or have[1] < bytes_each:
            self._rows = zeros((max(packs, have[0]), max(bytes_each, have[1])), BYTES)
        return self._rows


class SharedArrays:
    """The arrays that all workers of an executor have in common, in the order in which layers ask for them."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []

    def get(self, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """Array ``number``, zeros at first."""
        if number == len(self._arrays):
            self._arrays.append(zeros(shape, dtype))
        return self._arrays[number]
