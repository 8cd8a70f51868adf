"""The functions of words.py in plain NumPy, for NUMBA_DISABLE_JIT=1: coverage, debugging, teaching."""

from __future__ import annotations

from itertools import product

import numpy as np


class Lanes(np.ndarray):
    """16 numbers that are a value, as a register's are: ``s += v`` leaves other names of the old ``s`` as they were."""

    def __iadd__(self, other):
        return self + other

    def __isub__(self, other):
        return self - other

    def __imul__(self, other):
        return self * other

    def __itruediv__(self, other):
        return self / other


def load(x, index):
    """The 16 numbers that start at x[index]; missing last indices are 0."""
    return _place(x, index).copy().view(Lanes)


def store(x, index, v):
    """Write the 16 numbers ``v`` from x[index] on."""
    _place(x, index)[:] = v


def _place(x, index):
    """A view of the 16 numbers. Raises IndexError where machine code would silently go elsewhere."""
    if len(index) == x.ndim - 1 and x.shape[-1] != 16:
        raise IndexError(f"lanes at {index}: the last axis of an array of shape {x.shape} is not 16 long")
    *outer, first = tuple(index) + (0,) * (x.ndim - len(index))
    place = x[tuple(outer)][first : first + 16]
    if min(index) < 0 or place.shape != (16,):
        raise IndexError(f"lanes at {index} are outside an array of shape {x.shape}")
    return place


def load_masked(x, index, count):
    """The first ``count`` numbers from x[index] on, zeros in the lanes beyond."""
    v = np.zeros(16, x.dtype).view(Lanes)
    place = _part(x, index, count)
    v[: place.size] = place
    return v


def store_masked(x, index, v, count):
    """Write the first ``count`` of the 16 numbers ``v`` from x[index] on."""
    place = _part(x, index, count)
    place[:] = v[: place.size]


def _part(x, index, count):
    """A view of up to 16 numbers. Raises IndexError where machine code would silently go elsewhere."""
    *outer, first = index
    count = min(max(count, 0), 16)
    place = x[tuple(outer)][first : first + count]
    if count and (min(index) < 0 or place.shape != (count,)):
        raise IndexError(f"{count} lanes at {index} are outside an array of shape {x.shape}")
    return place


def deinterleave(u, v):
    """Of the 32 numbers of u and v those at 0, 2, 4, …"""
    return np.concatenate([u, v])[::2].view(Lanes)


def load_columns(x, index):
    """Of x (O, F) at index (o, f) four vectors: the k-th holds x[o + l, f + k] in lane l."""
    o, f = index
    place = x[o : o + 16, f : f + 4]
    if min(index) < 0 or place.shape != (16, 4):
        raise IndexError(f"16 rows of 4 columns at {index} are outside an array of shape {x.shape}")
    return tuple(column.copy().view(Lanes) for column in place.T)


def splat(number):
    """The same number in every lane."""
    return np.full(16, number).view(Lanes)


def where(mask, u, v):
    """u where the mask holds, else v."""
    return np.where(mask, u, v).view(Lanes)


def maximum(u, v):
    """The larger one, lane by lane; NaN stays NaN."""
    return np.maximum(u, v)


def rint(v):
    """The nearest whole number, ties to even."""
    return np.rint(v)


def sqrt(v):
    """The square root, rounded correctly; NaN below 0."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(v)


def fma(a, b, c):
    """a · b + c, here rounded twice."""
    return a * b + c


def power_of_two(v):
    """2 ** v for whole v; infinite where it is beyond the range, as in compiled code without a warning."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.ldexp(np.ones_like(v), v.astype(np.int32))


def rint_and_power(v):
    """The nearest whole number n, ties to even, and 2 ** n."""
    n = rint(v)
    return n, power_of_two(n)


def any_lane(mask):
    """Whether the mask holds in one lane or more."""
    return bool(np.any(mask))


def lane(v, image):
    """The number of one image."""
    return v[image]


def lane_sum(v):
    """The sum of the 16 numbers, neighbours at distance 8, 4, 2, 1; of 8 the same from distance 4 on."""
    while v.size > 1:
        v = v[: v.size // 2] + v[v.size // 2 :]
    return v[0]


def load_each(x, index, images=None):
    """The lanes at each place of an index with one tuple."""
    return tuple(load(x, place)[_slice(images)] for place in _places(index))


def load_block(x, index, images=None):
    """The block that ``store_each`` would put to the places of an index with two tuples."""
    found = load_each(x, index, images)
    columns = [len(t) for t in index if isinstance(t, tuple)][1]
    return tuple(found[first : first + columns] for first in range(0, len(found), columns))


def prefetch(x, index):
    """Nothing: a cache is out of Python's reach."""


def scalars(w, index):
    """The number at each place of an index with one tuple, or with two: a tuple for each place of the first."""
    found = tuple(w[place] for place in _places(index))
    sizes = [len(t) for t in index if isinstance(t, tuple)]
    return found if len(sizes) == 1 else tuple(found[n : n + sizes[1]] for n in range(0, len(found), sizes[1]))


def strided(first, step, like):
    """The tuple (first, first + step, first + 2 step, ...) of whole numbers, as long as ``like``."""
    return tuple(first + n * step for n in range(len(like)))


def repeated(number, like):
    """A tuple of one number, as long as ``like``."""
    return (number,) * len(like)


def start_sums(starts, columns, images=None):
    """A block of sums: a row for each number, which all of its sums begin with; a column for each of ``columns``."""
    return tuple((splat(number)[_slice(images)],) * len(columns) for number in starts)


def add_products(s, u, v):
    """The block s with u[m] · v[n] added to the sum in row m, column n; u holds numbers or lanes, v lanes."""
    return tuple(
        tuple(one + value * factor for one, value in zip(row, v, strict=True)) for row, factor in zip(s, u, strict=True)
    )


def add_windows(s, u, row):
    """The block s with u[m][0] · row[n], then u[m][1] · row[n + 1], ... added to the sum in row m, column n."""
    for k in range(len(u[0])):
        s = add_products(s, tuple(numbers[k] for numbers in u), row[k : k + len(s[0])])
    return s


def add_sums(s, t):
    """The block s with each sum of t, a block as large, added to its own."""
    return tuple(tuple(one + other for one, other in zip(*rows, strict=True)) for rows in zip(s, t, strict=True))


def store_each(y, index, s, images=None):
    """Write a block to the places of an index with two tuples, the first for its rows, the second for its columns."""
    for place, one in zip(_places(index), (one for row in s for one in row), strict=True):
        _place(y, place)[_slice(images)] = one


def store_sums_masked(y, index, s, size):
    """As ``store_each``, where y has rows of ``size`` numbers: of each sum the numbers before a row's end."""
    for place, one in zip(_places(index), (one for row in s for one in row), strict=True):
        store_masked(y, place, one, size - place[1])


def store_sums(dw, index, s):
    """As ``store_each``, of each sum the one number that adding up its lanes gives."""
    for place, one in zip(_places(index), (one for row in s for one in row), strict=True):
        dw[place] = lane_sum(one)


def _slice(images):
    """The lanes of a tuple of images, which are neighbours; all 16 for None."""
    if images is None:
        return slice(16)
    if images[0] < 0 or images[-1] > 15 or len(images) not in (8, 16):
        raise IndexError(f"images {images[0]} to {images[-1]} are not 8 or 16 of a pack")
    return slice(images[0], images[-1] + 1)


def _places(index):
    """All places that an index with tuples names; its last tuple runs fastest."""
    return product(*(element if isinstance(element, tuple) else (element,) for element in index))
