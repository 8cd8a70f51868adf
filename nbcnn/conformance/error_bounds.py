"""Comparison of a result with the oracle's: wrong elements, and the error as a share of its bound."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.conformance.formatting import figure, place
from nbcnn.conformance.signatures import Array


class Verdict(NamedTuple):
    """The wrong elements of an array, and its largest error as a share of the bound (None for equality)."""

    wrong: Array
    worst: float | None

    @property
    def right(self) -> bool:
        """No number is wrong."""
        return not self.wrong.any()


def compare(got: Array, wanted: Array, bound: Any) -> Verdict:
    """Hold ``got`` against ``wanted``; equality where the bound is 0. A NaN is wrong, unless it is wanted."""
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.float64) - wanted) if got.dtype.kind == "f" else np.abs(got - wanted)
        same = (got == wanted) | (np.isnan(wanted) & np.isnan(got))
        wrong: Array = ~((error <= bound) | same)
        if np.ndim(bound) == 0 and bound == 0:
            return Verdict(wrong, None)
        share = np.where(same, 0, error / bound)
    finite = share[np.isfinite(share)]
    return Verdict(wrong, float(finite.max(initial=0)) if wrong.any() is np.False_ else float(np.max(share)))


def mismatch(name: str, got: Array, wanted: Array, wrong: Array) -> str:
    """``y is wrong in 12 of 240 numbers, first at channel 0, row 2, column 8, image 0: got 3, wanted 5``."""
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    count = "everywhere" if wrong.all() else f"in {int(wrong.sum()):,} of {wrong.size:,} numbers"
    numbers = f"got {figure(got[index])}, wanted {figure(_alike(wanted[index], got[index]))}"
    return f"{name} is wrong {count}, first at {place(name, index)}: {numbers}"


def _alike(wanted: Any, got: Any) -> Any:
    """The right number with the precision of the one beside it, unless only its other digits tell them apart."""
    with np.errstate(all="ignore"):
        rounded = got.dtype.type(wanted)
    return wanted if rounded == got else rounded
