"""Statistics of an array in words: how many NaN, how many infinite, how large the others are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ArrayStats(NamedTuple):
    """Counts of an array's numbers, and the largest magnitude of those that are finite (0 where none is)."""

    total: int
    nan: int
    infinite: int
    largest: float

    def words(self, what: str = "numbers") -> str:
        """``of 1,024 outputs 3 are NaN and 12 are infinite, the largest of the others is 3.2e+38``"""
        kinds = ((self.nan, "NaN"), (self.infinite, "infinite"))
        counts = [f"{count:,} {'is' if count == 1 else 'are'} {kind}" for count, kind in kinds if count]
        none_left = self.nan + self.infinite == self.total
        others = "none is left" if none_left else f"the largest of the others is {figure(self.largest)}"
        return f"of {self.total:,} {what} {' and '.join(counts)}, {others}"


def array_stats(numbers: np.ndarray) -> ArrayStats:
    """Count the numbers of a float array of any shape."""
    finite = np.isfinite(numbers)
    nan, wrong = int(np.count_nonzero(np.isnan(numbers))), int(numbers.size - np.count_nonzero(finite))
    return ArrayStats(numbers.size, nan, wrong - nan, float(np.max(np.abs(numbers), where=finite, initial=0)))


def figure(number: float) -> str:
    """A magnitude for a sentence, such as 0.25 or 3.2e+38."""
    return f"{number:.2g}"
