"""The fully connected layer as the formula, loop for loop."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import SimpleBackend, WeightedKernels
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import LANES, lane_sum, load, splat, store
from nbcnn.lanes.block_sums import block_length


@kernel
def forward(x, w, b, y, scratch):
    """x (F,), w (O, F), b (O,) -> y (O,)"""
    O, F = w.shape
    zero, length = splat(w.dtype.type(0)), block_length(F)
    for o in range(O):
        s = total = splat(b[o])
        for first in range(0, F, length):
            for f in range(first, min(first + length, F)):
                s += load(x, (f,)) * w[o, f]  # equation (8)
            s, total = zero, s if first == 0 else total + s
        store(y, (o,), total)


@kernel
def grad_input(dy, w, dx, scratch):
    """dy (O,), w (O, F) -> dx (F,)"""
    O, F = w.shape
    zero, length = splat(w.dtype.type(0)), block_length(O)
    for f in range(F):
        s = total = zero
        for first in range(0, O, length):
            for o in range(first, min(first + length, O)):
                s += load(dy, (o,)) * w[o, f]  # equation (9)
            s, total = zero, s if first == 0 else total + s
        store(dx, (f,), total)


@kernel
def grad_weight(x, dy, dw, db, scratch):
    """x (F,), dy (O,) -> dw (O, F), db (O,), summed over the 16 images in their order"""
    O, F = dw.shape
    for o in range(O):
        for f in range(F):
            s = dw.dtype.type(0)
            for l in range(LANES):
                s += x[f, l] * dy[o, l]  # equation (10)
            dw[o, f] = s
        db[o] = lane_sum(load(dy, (o,)))


@register("linear")
class Naive(SimpleBackend):
    """the formula, loop for loop"""

    def build(self, problem: LinearProblem) -> WeightedKernels:
        """Nothing to bind."""
        return WeightedKernels(forward, grad_input, grad_weight)
