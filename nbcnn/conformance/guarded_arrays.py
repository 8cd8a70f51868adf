"""Arrays between margins of NaN, which reveal reads and writes out of bounds.

An input must keep its bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MARGIN = 999
"""Numbers on either side; odd, so that no array begins on a vector's boundary."""
PATTERNS = {
    "margin": {"float32": 0x7FC0BEEF, "float64": 0x7FF80000_0BADBEEF, "int64": -(2**60) - 12345},
    "output": {"float32": 0x7FC00D0E, "float64": 0x7FF80000_0000D0E1, "int64": -(2**60) - 54321},
    "scratch": {"float32": 0x7FC05C0A, "float64": 0x7FF80000_05C0A5C0, "int64": -(2**60) - 33333},
}
"""Bits of the margins, of what is not written yet, of scratch: no NaN that arithmetic makes, no label.

A processor hands such bits on from operand to result, so a result shows where its NaN came from.
"""

Array = NDArray[Any]


class _Yard(NamedTuple):
    name: str
    bits: Array
    pattern: int
    values: bytes | None


class GuardedArrays:
    """An allocator of arrays with margins, and a check that margins and inputs are unchanged."""

    def __init__(self) -> None:
        self._yards: list[_Yard] = []

    def output(self, name: str, shape: tuple[int, ...], dtype: str, kind: str = "output") -> Array:
        """An array to write to, full of NaN (of an impossible label, where it holds whole numbers)."""
        size, margin = int(np.prod(shape)), PATTERNS["margin"][dtype]
        bits = np.full(size + 2 * MARGIN, margin, f"i{np.dtype(dtype).itemsize}")
        bits[MARGIN : MARGIN + size] = PATTERNS[kind][dtype]
        self._yards.append(_Yard(name, bits, margin, None))
        array: Array = bits.view(dtype)[MARGIN : MARGIN + size].reshape(shape)
        return array

    def input(self, name: str, values: Array) -> Array:
        """A copy of ``values`` that must not change."""
        array = self.output(name, values.shape, values.dtype.name)
        array[...] = values
        self._yards[-1] = self._yards[-1]._replace(values=array.tobytes())
        return array

    def breaches(self) -> list[str]:
        """A sentence for each margin and each input whose bits have changed."""
        found = []
        for name, bits, pattern, values in self._yards:
            for side, margin in (("before", bits[:MARGIN]), ("after", bits[-MARGIN:])):
                if (margin != pattern).any():
                    found.append(f"something was written {side} {name}")
            if values is not None and bits[MARGIN:-MARGIN].tobytes() != values:
                found.append(f"the input {name} was changed")
        return found

    def check(self) -> None:
        """Raise AssertionError with the first breach."""
        for sentence in self.breaches():
            raise AssertionError(sentence)


def guarded(shape: tuple[int, ...], dtype: str) -> Array:
    """Zeros to write to, between margins that take up what a kernel writes a little outside."""
    array = GuardedArrays().output("", shape, dtype)
    array[...] = 0
    return array


def holds(array: Array, kind: str = "output") -> Array:
    """Where an output has the bits of a kind: its own from before, those of scratch, those of the margins."""
    bits: Array = np.ascontiguousarray(array).view(f"i{array.itemsize}")
    where: Array = bits == PATTERNS[kind][array.dtype.name]
    return where
