"""Arrays between margins of NaN: a read outside spoils the result, a write outside is seen, an input must keep its bits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MARGIN = 999
"""Numbers on either side; odd, so that no array begins on a vector's boundary."""
PATTERN = {"float32": 0x7FC0BEEF, "float64": 0x7FF80000_0BADBEEF, "int64": -(2**60) - 12345}
"""Bits of the margins: no NaN that arithmetic makes, no label."""


class _Yard(NamedTuple):
    name: str
    bits: np.ndarray
    pattern: int
    values: bytes | None


class Fence:
    """Hands out arrays, and says afterwards whether their surroundings and all inputs are untouched."""

    def __init__(self) -> None:
        self._yards: list[_Yard] = []

    def output(self, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array to write to, full of NaN (of an impossible label, where it holds whole numbers)."""
        size = int(np.prod(shape))
        bits = np.full(size + 2 * MARGIN, PATTERN[dtype], f"i{np.dtype(dtype).itemsize}")
        self._yards.append(_Yard(name, bits, PATTERN[dtype], None))
        return bits.view(dtype)[MARGIN : MARGIN + size].reshape(shape)

    def input(self, name: str, values: np.ndarray) -> np.ndarray:
        """A copy of ``values`` that must not change."""
        array = self.output(name, values.shape, values.dtype.name)
        array[...] = values
        self._yards[-1] = self._yards[-1]._replace(values=array.tobytes())
        return array

    def check(self) -> None:
        """All margins and all inputs have the bits that they had."""
        for name, bits, pattern, values in self._yards:
            for side, margin in (("before", bits[:MARGIN]), ("after", bits[-MARGIN:])):
                assert (margin == pattern).all(), f"something was written {side} {name}"
            if values is not None:
                assert bits[MARGIN:-MARGIN].tobytes() == values, f"the input {name} was changed"
