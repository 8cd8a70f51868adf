"""The fully connected layer with eight sums in registers; the same bits as ``naive``.

Long sums are taken in blocks (lanes/block_sums.py). Sizes that are no multiple of eight repeat their last row, which
writes the same number twice. For the weight's gradient the sum runs over images, so there the lanes hold 16
neighbouring features of one image instead.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, OneImage, WeightedKernels
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import (
    add_products,
    add_sums,
    lane_sum,
    load,
    load_each,
    repeated,
    scalars,
    start_sums,
    store_each,
    strided,
)
from nbcnn.lanes.block_sums import block_length

EIGHT, ONE = (0, 1, 2, 3, 4, 5, 6, 7), (0,)
"""A block: eight sums of 16 images each."""


@kernel
def forward(x, w, b, y, scratch):
    """x (F,), w (O, F), b (O,) -> y (O,): equation (8)"""
    sums(x, w, b, y)


@kernel
def grad_input(dy, w, dx, scratch):
    """dy (O,), w (O, F) -> dx (F,): the same with the weights turned, equation (9)"""
    zeros = scratch[: dx.shape[0]]
    zeros[:] = 0
    sums(dy, w.T, zeros, dx)


@kernel
def sums(x, w, b, y):
    """Equation (8), eight outputs at once."""
    O, F = w.shape
    length, zeros, columns = block_length(F), repeated(w.dtype.type(0), EIGHT), y.reshape((O, 1, LANES))
    for o in range(0, O, 8):
        os = eight(o, O)
        s = total = start_sums(scalars(b, (os,)), ONE)
        if F <= length:
            total = add_features(s, x, w, os, (0, F))
        else:
            for f in range(0, F, length):
                s = add_features(s, x, w, os, (f, min(f + length, F)))
                s, total = start_sums(zeros, ONE), s if f == 0 else add_sums(total, s)
        store_each(columns, (os, ONE), total)


@kernel
def eight(n, size):
    """n to n + 7, or from there on the last of ``size``, again and again."""
    n1, n2, n3, n4 = min(n + 1, size - 1), min(n + 2, size - 1), min(n + 3, size - 1), min(n + 4, size - 1)
    return n, n1, n2, n3, n4, min(n + 5, size - 1), min(n + 6, size - 1), min(n + 7, size - 1)


@kernel
def add_features(s, x, w, os, features):
    """The block of sums s with the products of some features added."""
    for f in range(features[0], features[1]):
        s = add_products(s, scalars(w, (os, f)), load_each(x, (strided(f, 1, ONE),)))
    return s


@kernel
def grad_weight(x, dy, dw, db, scratch):
    """x (F,), dy (O,) -> dw (O, F), db (O,), summed over the 16 images in their order"""
    O, F = dw.shape
    turned = scratch[: LANES * F].reshape((LANES, F))
    for f in range(F):
        for l in range(LANES):
            turned[l, f] = x[f, l]
    for f in range(0, F - LANES + 1, LANES):
        _eight_rows(turned, dy, dw, f)
    if F >= LANES and F % LANES:
        _eight_rows(turned, dy, dw, F - LANES)
    for o in range(O):
        for f in range(F if F < LANES else 0):
            s = dw.dtype.type(0)
            for l in range(LANES):
                s += x[f, l] * dy[o, l]
            dw[o, f] = s
        db[o] = lane_sum(load(dy, (o,)))


@kernel
def _eight_rows(turned, dy, dw, f):
    """Equation (10) for features f to f + 15, 8 outputs at once; ``turned`` is x as (16 images, F)."""
    O = dw.shape[0]
    zeros = repeated(dw.dtype.type(0), EIGHT)
    for o in range(0, O, 8):
        os = eight(o, O)
        s = start_sums(zeros, ONE)
        for l in range(LANES):
            s = add_products(s, scalars(dy, (os, l)), load_each(turned, (l, strided(f, LANES, ONE))))
        store_each(dw, (os, strided(f, LANES, ONE)), s)


@register("linear")
class Direct:
    """naive's sums and bits, eight in registers"""

    def supports(self, problem: LinearProblem) -> str | None:
        """Everything."""
        return None

    def workspace(self, problem: LinearProblem) -> int:
        """The input with its axes exchanged; zeros in place of a bias are fewer."""
        return problem.in_features * LANES

    def build(self, problem: LinearProblem) -> WeightedKernels:
        """Nothing to bind."""
        return WeightedKernels(forward, grad_input, grad_weight)

    def single(self, problem: LinearProblem) -> OneImage:
        """16 outputs at once."""
        from nbcnn.kernels.linear import _one_image  # a training has no use for it

        return OneImage(_one_image.forward, _one_image.workspace(problem))
