"""The fully connected layer with several sums in registers; the same bits as ``naive``.

Long sums are taken in blocks (lanes/block_sums.py). Where outputs don't come out even, the last ones begin earlier, and
some numbers are written twice. For the weight's gradient the sum runs over images, so there the lanes hold 16
neighbouring features of one image instead.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage, WeightedKernels
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.register_blocks import sums
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
    sum_features(x, w, b, y, rows)


@kernel
def grad_input(dy, w, dx, scratch, rows):
    """dy (O,), w (O, F) -> dx (F,): the same with the weights turned, equation (9)"""
    zeros = scratch[: dx.shape[0]]
    zeros[:] = 0
    sum_features(dy, w.T, zeros, dx, rows)


@kernel
def sum_features(x, w, b, y, rows):
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
def grad_weight(x, dy, dw, db, scratch, block):
    """x (F,), dy (O,) -> dw (O, F), db (O,), summed over the 16 images in their order: equation (10). ``block`` is
    outputs x vectors of 16 features."""
    O, F = dw.shape
    turned = scratch[: LANES * F].reshape((LANES, F))
    for f in range(0, F if F >= LANES else 0, LANES):
        fs = strided(min(f, F - LANES), 1, ONE)
        for l in range(0, LANES, 4):
            u0, u1, u2, u3 = load_columns(x, (fs[0], l))
            store_each(turned, (strided(l, 1, FOUR), fs), ((u0,), (u1,), (u2,), (u3,)))
    if F >= LANES:
        sum_images(turned, dy, dw, block)
    for o in range(O):
        for f in range(F if F < LANES else 0):
            s = dw.dtype.type(0)
            for l in range(LANES):
                s += x[f, l] * dy[o, l]
            dw[o, f] = s
        db[o] = lane_sum(load(dy, (o,)))


@kernel
def sum_images(turned, dy, dw, block):
    """Equation (10) for x turned around, (16 images, F). Output by output, so that dw is written in a row."""
    (rows, vectors), (O, F), zeros = block, dw.shape, repeated(dw.dtype.type(0), block[0])
    for o in range(0, O, len(rows)):
        os = strided(min(o, O - len(rows)), 1, rows)
        for f in range(0, F, len(vectors) * LANES):
            fs = strided(min(f, F - len(vectors) * LANES), LANES, vectors)
            s = start_sums(zeros, vectors)
            for l in range(LANES):
                s = add_products(s, scalars(dy, (os, l)), load_each(turned, (l, fs)))
            store_each(dw, (os, fs), s)


def weight_block(outputs: int, features: int, room: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Outputs x vectors of features, in ``room`` for sums: 4 x 4, which load 8 numbers for 16 products, where 16 fit
    (8 x 1: 1.25 of the time); with 6 x 1 for 6 as fast as any."""
    vectors = min(4, features // LANES) if room >= 16 and features >= LANES else 1
    return tuple(range(min(outputs, 4 if vectors > 2 else 8, room))), tuple(range(vectors))


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
        O, F, room = problem.out_features, problem.in_features, sums(problem.dtype)
        outputs = tuple(range(min(O, 8, room)))
        features = tuple(range(min(F, 10 if room >= 16 else 8, room)))  # not by F: layers then share a kernel
        return WeightedKernels(
            KernelWithAttributes(forward, outputs),
            KernelWithAttributes(grad_input, features),
            KernelWithAttributes(grad_weight, weight_block(O, F, room)),
        )

    def single(self, problem: LinearProblem) -> OneImage:
        """16 outputs at once."""
        from nbcnn.kernels.linear import _one_image  # a training has no use for it

        return OneImage(_one_image.forward, _one_image.workspace(problem))
