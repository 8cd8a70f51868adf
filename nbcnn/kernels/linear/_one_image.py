"""The fully connected layer on one image, forward, with 16 outputs in the lanes.

The weights of one output lie side by side, so 16 outputs' weights for one feature have to be brought together first:
shuffles in registers, in every call, since weights may have changed. That still beats sums of single numbers.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.lanes import add_sums, load_columns, load_each, start_sums, store_each
from nbcnn.lanes.block_sums import block_length

COLUMNS = 4
ONE, TWO = (0,), (0, 1)
"""A block: one row of two sums, of 16 outputs each."""


def workspace(problem: LinearProblem) -> int:
    """Numbers for 16 outputs' weights, biases and sums, where there are fewer outputs."""
    return LANES * (problem.in_features + 2) if problem.out_features < LANES else 0


@kernel
def forward(x, w, b, y, scratch):
    """x (F,), w (O, F), b (O,) -> y (O,)"""
    O, F = w.shape
    if O >= LANES:
        sums(x, w, b, y)
        return
    more = scratch[: LANES * F].reshape((LANES, F))
    more_b, more_y = scratch[LANES * F : LANES * (F + 1)], scratch[LANES * (F + 1) : LANES * (F + 2)]
    for o in range(O):  # more[:O] = w takes Numba 2 s to compile
        more_b[o] = b[o]
        for f in range(F):
            more[o, f] = w[o, f]
    more[O:], more_b[O:] = 0, 0
    sums(x, more, more_b, more_y)
    for o in range(O):
        y[o] = more_y[o]


@kernel
def sums(x, w, b, y):
    """Equation (8) for at least 16 outputs, 32 at once; the last 32 may be among those before, to the same bits."""
    O, F = w.shape
    if F < COLUMNS:
        few_features(x, w, b, y)
        return
    length, zeros, row = block_length(F), start_sums((w.dtype.type(0),), TWO), y.reshape((1, O))
    for o in range(0, O, 2 * LANES):
        os = min(o, O - LANES), min(o + LANES, O - LANES)
        s = total = (load_each(b, (os,)),)
        if F <= length:
            total = add_features(s, x, w, os, (0, F))
        else:
            for f in range(0, F, length):
                s = add_features(s, x, w, os, (f, min(f + length, F)))
                s, total = zeros, s if f == 0 else add_sums(total, s)
        store_each(row, (ONE, os), total)


@kernel
def few_features(x, w, b, y):
    """The same for less than four features, one output after the other."""
    for o in range(w.shape[0]):
        y[o] = b[o]
        for f in range(w.shape[1]):
            y[o] += w[o, f] * x[f]


@kernel
def add_features(block, x, w, os, features):
    """A block of two sums, of 16 outputs from os[0] and from os[1] on, with the products of some features added.

    One sum after the other, not both at once (``add_products``): AVX2's registers don't hold the columns of both, which
    took a tenth longer; and a function for four columns took up to twice as long there.
    """
    ((s, t),), (u, v), (first, stop) = block, os, features
    x = x[first:stop]  # so that the compiler knows that no index is negative
    whole = x.size // COLUMNS * COLUMNS
    for f in range(0, whole, COLUMNS):
        x0, x1, x2, x3 = x[f], x[f + 1], x[f + 2], x[f + 3]
        w0, w1, w2, w3 = load_columns(w, (u, first + f))
        s += w0 * x0
        s += w1 * x1
        s += w2 * x2
        s += w3 * x3  # equation (8)
        w0, w1, w2, w3 = load_columns(w, (v, first + f))
        t += w0 * x0
        t += w1 * x1
        t += w2 * x2
        t += w3 * x3
    rest, last = x.size - whole, stop - COLUMNS
    if rest > 0:  # the last features, fewer than four: columns that begin earlier
        _, w1, w2, w3 = load_columns(w, (u, last))
        _, v1, v2, v3 = load_columns(w, (v, last))
        if rest == 3:
            s, t = s + w1 * x[whole], t + v1 * x[whole]
        if rest >= 2:
            s, t = s + w2 * x[x.size - 2], t + v2 * x[x.size - 2]
        s, t = s + w3 * x[x.size - 1], t + v3 * x[x.size - 1]
    return ((s, t),)
