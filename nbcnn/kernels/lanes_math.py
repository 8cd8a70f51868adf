"""exp and expm1 of 16 numbers, written in the words of lanes.py.

x = n·ln 2 + r with whole n and |r| <= ln 2 / 2. e**r - 1 by its Taylor series, exact to the last place when cut after
degree 7 (float32: r**8/8! < 6e-9) or 13 (float64: r**14/14! < 5e-18); then e**x = 2**n · e**r. ln 2 is taken as a
short head and a tail, so that n times the head is exact (Cody and Waite's reduction). 2**n goes in two halves, since
n may lie beyond the exponents of normal numbers. The range is clamped to where the result is neither 0 nor infinite
by more than a few steps; comparisons leave NaN as it is.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numba import config, njit
from numba.extending import overload

from nbcnn.kernels.jit import OPTIONS

if config.DISABLE_JIT:
    from nbcnn.kernels.lanes_plain import power_of_two, rint, splat, where
else:
    from nbcnn.kernels.lanes_numba import power_of_two, rint, splat, where
    from nbcnn.kernels.lanes_type import LANES32, LANES64


def _family(real, head, tail, low, high, degree):
    """exp and expm1 in one precision; ``real`` is np.float32 or np.float64."""
    log2e, head, tail, low, high = (real(v) for v in (np.log2(np.e), head, tail, low, high))
    series = tuple(real(1 / factorial(k)) for k in range(degree, 0, -1))

    @njit(**OPTIONS)
    def reduce(v):
        v = where(v < low, splat(low), where(v > high, splat(high), v))
        n = rint(v * log2e)
        r = v - n * head - n * tail
        p = splat(series[0])
        for factor in series[1:-1]:
            p = p * r + factor
        return n, p * r * r + r  # r itself is added last: the rest is smaller, and so are its roundings

    def exp(v):
        n, p = reduce(v)
        half = rint(n / 2)
        return (p + 1) * power_of_two(half) * power_of_two(n - half)

    def expm1(v):
        n, p = reduce(v)
        half = rint(n / 2)
        one, other = power_of_two(half), power_of_two(n - half)
        return (p * one + (one - power_of_two(half - n))) * other  # 2**n alone may overflow where e**v does not

    return exp, expm1


_single = _family(np.float32, 0.693359375, -2.12194440e-4, -104, 89, 7)
_double = _family(np.float64, 0.693145751953125, 1.42860682030941723212e-6, -746, 710, 13)


def exp(v):
    """e ** v, lane by lane; infinite above the range of the precision, 0 below, NaN for NaN."""
    return (_single if v.dtype == np.float32 else _double)[0](v)


def expm1(v):
    """e ** v - 1, lane by lane, accurate near 0 too."""
    return (_single if v.dtype == np.float32 else _double)[1](v)


if not config.DISABLE_JIT:

    @overload(exp)
    def _exp(v):
        return {LANES32: _single[0], LANES64: _double[0]}.get(v)

    @overload(expm1)
    def _expm1(v):
        return {LANES32: _single[1], LANES64: _double[1]}.get(v)
