"""The functions that kernels are written with, on ``lanes``: vectors of one number of each of 16 images.

A pack is an array (..., 16), images innermost, so the 16 numbers at one pixel lie side by side and one vector
instruction serves 16 images. With these functions a kernel reads like the textbook formula:

    s = splat(b[o])
    ...
        s += load(x, (c, i + a, j + k)) * w[o, c, a, k]
    store(y, (o, i, j), s)

``load(x, index)``       the 16 numbers that start at x[index]; missing last indices are 0, and where only the last
                         one is missing, x must be a pack: its last axis 16 long
``store(y, index, v)``   put them there
``splat(number)``        the same number in every lane
``+ - * /``, unary ``-`` lane by lane; a number beside lanes counts as its splat; a sum of a product is fused (FMA)
``== != < <= > >=``      lane by lane, giving a mask; masks combine with ``&`` and ``|``
``where(mask, u, v)``    u in the lanes where the mask holds, else v
``maximum(u, v)``        the larger one; NaN stays NaN, so that a diverged run shows
``exp(v)``, ``expm1(v)`` accurate to 2 units in the last place
``sigmoid(v)``           1 / (1 + exp(-v)), in two thirds of the time
``erf(v)``               the error function, accurate to 2 units in the last place
``fma(a, b, c)``         a b + c, rounded once, of lanes or numbers: for a sum of two products or a product less
                         something, which compilers for two processors may fuse differently
``sqrt(v)``              the square root, rounded correctly; NaN below 0
``rint(v)``              the nearest whole number, ties to even
``power_of_two(v)``      2 ** v for whole v in the exponent's normal range
``lane(v, l)``           the number of image l
``lane_sum(v)``          the sum of the 16 numbers, always in the same order: neighbours at distance 8, 4, 2, 1

Many sums at once, a block of rows × columns in registers, are tuples. Where these functions take an index, one element
of it (two, for a block) may be a tuple, for as many places: with ``os = (o, o + 1)``, ``scalars(w, (os, c))`` are
w[o, c] and w[o + 1, c].

``strided(n, step, like)``  the tuple (n, n + step, n + 2 step, ...), as long as the tuple ``like``
``repeated(number, like)``  the tuple (number, number, ...), as long as ``like``
``scalars(w, index)``    a tuple of numbers; of an index with two tuples, a tuple for each place of the first
``load_each(x, index)``  a tuple of lanes
``load_block(x, index)`` a block, from where ``store_each`` put it
``prefetch(x, index)`` fetch them into the cache, without waiting
``start_sums(b, like)``       a block with a row for each number of b, which its sums begin with, as long as ``like``
``add_products(s, u, v)``  the block s, u[m] v[n] added to the sum in row m, column n; u holds numbers or lanes, v lanes
``add_windows(s, u, row)``  u[m][k] row[n + k] added there for all k, one after the other: pixels in a row are loaded
                         once for all the weights of a kernel's row that meet them
``add_sums(s, t)``       the block s with each sum of the block t added to its own
``store_each(y, index, s)``  put a block where an index with a tuple of rows and one of columns says
``store_sums(dw, index, s)``  the same with the ``lane_sum`` of each

Where registers are few and narrow, a block of 16 images has little room. ``load_each``, ``start_sums`` and
``store_each`` take the images that are meant, 0 to 7 or 8 to 15, as one more argument: ``load_each(x, (c, i, js),
half)`` with ``half = strided(8, 1, eight)``, for a tuple of eight, are those of images 8 to 15. Other functions of
blocks take what comes of it; ``store_sums`` too, of both halves' sums added: ``lane_sum`` begins with this addition.

Where there is only one image, lanes hold 16 neighbours of it, and these functions help too:

``load_masked(x, index, n)``      the first n numbers from x[index] on, zeros in the lanes beyond; all 16 for n >= 16
``store_masked(y, index, v, n)``  put the first n there
``store_sums_masked(y, index, s, n)``  of a block s the numbers within rows of n; index: rows and columns in y
``load_columns(x, (o, f))``     of a matrix x four vectors: columns f to f + 3 of its rows o to o + 15
``deinterleave(u, v)``          of the 32 numbers of u and v those at 0, 2, 4, …

Under ``NUMBA_DISABLE_JIT=1`` a lane vector is a NumPy array of 16 and the same kernels run as plain Python.
"""

from __future__ import annotations

from numba import config

from nbcnn.util.lane_width import LANES as LANES

if config.DISABLE_JIT:
    from nbcnn.lanes.plain import (
        add_products,
        add_sums,
        add_windows,
        deinterleave,
        fma,
        lane,
        lane_sum,
        load,
        load_block,
        load_columns,
        load_each,
        load_masked,
        maximum,
        power_of_two,
        prefetch,
        repeated,
        rint,
        scalars,
        splat,
        sqrt,
        start_sums,
        store,
        store_each,
        store_masked,
        store_sums,
        store_sums_masked,
        strided,
        where,
    )
else:
    from nbcnn.lanes.block_intrinsics import add_products, add_sums, add_windows, repeated, start_sums, strided
    from nbcnn.lanes.block_memory_intrinsics import (
        load_block,
        load_each,
        prefetch,
        scalars,
        store_each,
        store_sums,
        store_sums_masked,
    )
    from nbcnn.lanes.intrinsics import fma, lane, lane_sum, load, maximum, power_of_two, rint, splat, sqrt, store, where
    from nbcnn.lanes.partial_intrinsics import deinterleave, load_columns, load_masked, store_masked

from nbcnn.lanes.error_function import erf
from nbcnn.lanes.math import exp, expm1, sigmoid

__all__ = [
    "LANES",
    "add_products",
    "add_sums",
    "add_windows",
    "deinterleave",
    "erf",
    "exp",
    "expm1",
    "fma",
    "lane",
    "lane_sum",
    "load",
    "load_block",
    "load_columns",
    "load_each",
    "load_masked",
    "maximum",
    "power_of_two",
    "prefetch",
    "repeated",
    "rint",
    "scalars",
    "sigmoid",
    "splat",
    "sqrt",
    "start_sums",
    "store",
    "store_each",
    "store_masked",
    "store_sums",
    "store_sums_masked",
    "strided",
    "where",
]
