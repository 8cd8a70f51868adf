"""exp, expm1 and sigmoid of lanes, written with the functions of words.py.

x = n·ln 2 + r with whole n and |r| <= ln 2 / 2. e**r - 1 by its Taylor series, exact to the last place when cut after
degree 7 (float32: r**8/8! < 6e-9) or 13 (float64: r**14/14! < 5e-18); then e**x = 2**n · e**r. ln 2 is taken as a
short head and a tail, so that n times the head is exact (Cody and Waite's reduction). 2**n goes in two halves, since
n may lie beyond the exponents of normal numbers. The range is clamped to where the result is neither 0 nor infinite
by more than a few steps; comparisons leave NaN as it is. sigmoid clamps it to where 2**n is a normal number, or just
infinite, so that one 2**n will do: LeNet's first activation takes 20 µs, with exp 27. It clamps only where a lane is
outside, and takes n and 2**n from one addition: a tenth less time, the same bits. The reciprocal by Newton's method on
multiply-adds, which can have the division's bits too, takes longer than the division (docs/performance.md).
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numba import config, njit
from numba.extending import overload

from nbcnn.compiler.jit import OPTIONS

if config.DISABLE_JIT:
    from nbcnn.lanes.plain import any_lane, power_of_two, rint, rint_and_power, splat, where
else:
    from nbcnn.lanes.intrinsics import any_lane, power_of_two, rint, rint_and_power, splat, where
    from nbcnn.lanes.vector_type import LANES32, LANES64


def _family(real, head, tail, low, high, ends, degree):
    """exp, expm1 and sigmoid in one precision; ``real`` is np.float32 or np.float64."""
    log2e, head, tail, low, high, least, most = (real(v) for v in (np.log2(np.e), head, tail, low, high, *ends))
    series = tuple(real(1 / factorial(k)) for k in range(degree, 0, -1))

    @njit(**OPTIONS)
    def clamp(v, low, high):
        v = where(v < low, splat(low), v)
        return where(v > high, splat(high), v)

    @njit(**OPTIONS)
    def reduce(v):
        n = rint(v * log2e)
        return n, v - n * head - n * tail

    @njit(**OPTIONS)
    def less_one(r):
        p = splat(series[0])
        for factor in series[1:-1]:
            p = p * r + factor
        return p * r * r + r  # r itself is added last: the rest is smaller, and so are its roundings

    def exp(v):
        n, r = reduce(clamp(v, low, high))
        half = rint(n / 2)
        return (less_one(r) + 1) * power_of_two(half) * power_of_two(n - half)

    def expm1(v):
        n, r = reduce(clamp(v, low, high))
        p, half = less_one(r), rint(n / 2)
        one, other = power_of_two(half), power_of_two(n - half)
        return (p * one + (one - power_of_two(half - n))) * other  # 2**n alone may overflow where e**v does not

    def sigmoid(v):
        if any_lane((v < -most) | (v > most)):
            v = clamp(v, least, most)
        n, power = rint_and_power(v * -log2e)
        r = v + n * head + n * tail
        p = splat(series[0])
        for factor in series[1:]:
            p = factor - p * r
        return 1 / (1 + (1 - p * r) * power)

    return exp, expm1, sigmoid


_single = _family(np.float32, 0.693359375, -2.12194440e-4, -104, 89, (-88.8, 87), 7)
_double = _family(np.float64, 0.693145751953125, 1.42860682030941723212e-6, -746, 710, (-710.1, 708), 13)


def exp(v):
    """e ** v, lane by lane; infinite above the range of the precision, 0 below, NaN for NaN."""
    return (_single if v.dtype == np.float32 else _double)[0](v)


def expm1(v):
    """e ** v - 1, lane by lane, accurate near 0 too."""
    return (_single if v.dtype == np.float32 else _double)[1](v)


def sigmoid(v):
    """1 / (1 + e ** -v), lane by lane; 0 where it is less than the smallest normal number, or nearly so."""
    return (_single if v.dtype == np.float32 else _double)[2](v)


if not config.DISABLE_JIT:

    @overload(exp)
    def _exp(v):
        return {LANES32: _single[0], LANES64: _double[0]}.get(v)

    @overload(expm1)
    def _expm1(v):
        return {LANES32: _single[1], LANES64: _double[1]}.get(v)

    @overload(sigmoid)
    def _sigmoid(v):
        return {LANES32: _single[2], LANES64: _double[2]}.get(v)
