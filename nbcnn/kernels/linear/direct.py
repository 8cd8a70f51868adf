"""The fully connected layer with several sums in registers; the same bits as ``naive``.

Long sums are taken in blocks (lanes/block_sums.py). Where outputs don't come out even, the last ones begin earlier, and
some numbers are written twice. For the weight's gradient the sum runs over images, so there the lanes hold 16
neighbouring features of one image instead.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage, WeightedKernels
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.register_blocks import sums as sums_in_registers
from nbcnn.kernels.registry import register
from nbcnn.lanes import (
    add_products,
    add_sums,
    lane_sum,
    load,
    load_columns,
    load_each,
    repeated,
    scalars,
    start_sums,
    store_each,
    strided,
)
from nbcnn.lanes.block_sums import block_length

ONE, FOUR = (0,), (0, 1, 2, 3)
"""A block is ``rows``, a tuple as long as it has sums of 16 images each, x ONE."""


@kernel
def forward(x, w, b, y, scratch, rows):
    """x (F,), w (O, F), b (O,) -> y (O,): equation (8)"""
    sums(x, w, b, y, rows)


@kernel
def grad_input(dy, w, dx, scratch, rows):
    """dy (O,), w (O, F) -> dx (F,): the same with the weights turned, equation (9)"""
    zeros = scratch[: dx.shape[0]]
    zeros[:] = 0
    sums(dy, w.T, zeros, dx, rows)


@kernel
def sums(x, w, b, y, rows):
    """Equation (8), several outputs at once."""
    O, F = w.shape
    length, zeros, columns = block_length(F), repeated(w.dtype.type(0), rows), y.reshape((O, 1, LANES))
    for o in range(0, O, len(rows)):
        os = strided(min(o, O - len(rows)), 1, rows)
        s = total = start_sums(scalars(b, (os,)), ONE)
        if F <= length:
            total = add_features(s, x, w, os, (0, F))
        else:
            for f in range(0, F, length):
                s = add_features(s, x, w, os, (f, min(f + length, F)))
                s, total = start_sums(zeros, ONE), s if f == 0 else add_sums(total, s)
        store_each(columns, (os, ONE), total)


@kernel
def add_features(s, x, w, os, features):
    """The block of sums s with the products of some features added."""
    for f in range(features[0], features[1]):
        s = add_products(s, scalars(w, (os, f)), load_each(x, (strided(f, 1, ONE),)))
    return s


@kernel
def grad_weight(x, dy, dw, db, scratch, rows):
    """x (F,), dy (O,) -> dw (O, F), db (O,), summed over the 16 images in their order"""
    O, F = dw.shape
    turned = scratch[: LANES * F].reshape((LANES, F))
    for f in range(0, F if F >= LANES else 0, LANES):
        _some_features(x, turned, dy, dw, min(f, F - LANES), rows)
    for o in range(O):
        for f in range(F if F < LANES else 0):
            s = dw.dtype.type(0)
            for l in range(LANES):
                s += x[f, l] * dy[o, l]
            dw[o, f] = s
        db[o] = lane_sum(load(dy, (o,)))


@kernel
def _some_features(x, turned, dy, dw, f, rows):
    """Equation (10) for features f to f + 15, several outputs at once; there ``turned`` becomes x as (16 images, F)."""
    fs, zeros = strided(f, 1, ONE), repeated(dw.dtype.type(0), rows)
    for l in range(0, LANES, 4):
        u0, u1, u2, u3 = load_columns(x, (f, l))
        store_each(turned, (strided(l, 1, FOUR), fs), ((u0,), (u1,), (u2,), (u3,)))
    for o in range(0, dw.shape[0], len(rows)):
        os = strided(min(o, dw.shape[0] - len(rows)), 1, rows)
        s = start_sums(zeros, ONE)
        for l in range(LANES):
            s = add_products(s, scalars(dy, (os, l)), load_each(turned, (l, fs)))
        store_each(dw, (os, fs), s)


@register("linear")
class Direct:
    """naive's sums and bits, several in registers"""

    def supports(self, problem: LinearProblem) -> str | None:
        """Everything."""
        return None

    def workspace(self, problem: LinearProblem) -> int:
        """The input with its axes exchanged; zeros in place of a bias are fewer."""
        return problem.in_features * LANES

    def build(self, problem: LinearProblem) -> WeightedKernels:
        """Bind how many sums are made at once."""
        most = min(8, sums_in_registers(problem.dtype))
        outputs, features = (tuple(range(min(n, most))) for n in (problem.out_features, problem.in_features))
        return WeightedKernels(
            KernelWithAttributes(forward, outputs),
            KernelWithAttributes(grad_input, features),
            KernelWithAttributes(grad_weight, outputs),
        )

    def single(self, problem: LinearProblem) -> OneImage:
        """16 outputs at once."""
        from nbcnn.kernels.linear import _one_image  # a training has no use for it

        return OneImage(_one_image.forward, _one_image.workspace(problem))
