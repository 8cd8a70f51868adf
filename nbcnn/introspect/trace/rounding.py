"""A fused multiply-add in exact arithmetic: what one step of the engine's sums gives, to the bit."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isfinite, nextafter
from typing import NamedTuple

import numpy as np

from nbcnn.compiler.host import fuses, is_compiled


class Step(NamedTuple):
    """One step of a sum: the ``product`` that is added, and the ``sum`` after it."""

    product: float
    sum: float


def rounds_once() -> bool:
    """Whether kernels round s + x·w once (FMA), or the product first: processors without FMA, and plain Python."""
    return is_compiled() and fuses()


def multiply_add(s: float, x: float, w: float, dtype: np.dtype[np.floating], once: bool) -> Step:
    """s + x·w as the kernels compute it on numbers of ``dtype``.

    With ``once`` the product is exact (of two float32 a float64 holds it; of two float64 it is shown rounded), and only
    the sum is rounded; else both are.
    """
    kind = dtype.type
    with np.errstate(all="ignore"):
        if not once:
            product = float(kind(x) * kind(w))
            return Step(product, float(kind(s) + kind(product)))
        if not (isfinite(s) and isfinite(x) and isfinite(w)):
            return Step(x * w, float(kind(s + x * w)))
        exact = Fraction(s) + Fraction(x) * Fraction(w)
        return Step(x * w, nearest(exact, dtype) if exact else s + x * w)  # a zero keeps its sign


def add(s: float, t: float, dtype: np.dtype[np.floating]) -> float:
    """s + t of numbers of ``dtype``, rounded to it."""
    with np.errstate(all="ignore"):
        return float(dtype.type(s) + dtype.type(t))


def nearest(exact: Fraction, dtype: np.dtype[np.floating]) -> float:
    """The number of ``dtype`` that is nearest, ties to even.

    To round to float64 and then to float32 could round a tie wrongly. So the float64 is rounded to odd first: where it
    is not exact, its last digit is 1, and it is no tie (Boldo and Melquiond, 2008).
    """
    try:
        found = float(exact)
    except OverflowError:
        return inf if exact > 0 else -inf
    if dtype != np.float32:
        return found
    if Fraction(found) != exact and int(np.float64(found).view(np.int64)) % 2 == 0:
        found = nextafter(found, inf if exact > Fraction(found) else -inf)
    with np.errstate(all="ignore"):
        return float(np.float32(found))


def in_last_places(value: float, exact: float, dtype: np.dtype[np.floating]) -> float:
    """How far ``value`` is from ``exact``, in units in the last place of ``dtype`` at ``exact``."""
    if not (isfinite(value) and isfinite(exact)):
        return 0.0 if value == exact else inf
    return abs(value - exact) / float(np.spacing(dtype.type(abs(exact))))
