"""The formula's sums in the formula's order, eight at once in registers: the same bits as ``naive``, faster.

Sizes that are no multiple of the block repeat their last row, which writes the same number twice. For the weight's
gradient the sum runs over images, so there the lanes hold 16 neighbouring features of one image instead.
"""

from __future__ import annotations

from nbcnn.kernels.contract import LANES, LinearProblem, WeightedKernels
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store
from nbcnn.kernels.one_image import OneImage
from nbcnn.kernels.registry import register


@kernel
def forward(x, w, b, y, work):
    """x (F,), w (O, F), b (O,) -> y (O,)"""
    O, F = w.shape
    for o in range(0, O, 8):
        o1, o2, o3, o4 = min(o + 1, O - 1), min(o + 2, O - 1), min(o + 3, O - 1), min(o + 4, O - 1)
        o5, o6, o7 = min(o + 5, O - 1), min(o + 6, O - 1), min(o + 7, O - 1)
        s0, s1, s2, s3 = splat(b[o]), splat(b[o1]), splat(b[o2]), splat(b[o3])
        s4, s5, s6, s7 = splat(b[o4]), splat(b[o5]), splat(b[o6]), splat(b[o7])
        for f in range(F):
            xf = load(x, (f,))
            s0 += xf * w[o, f]
            s1 += xf * w[o1, f]
            s2 += xf * w[o2, f]
            s3 += xf * w[o3, f]
            s4 += xf * w[o4, f]
            s5 += xf * w[o5, f]
            s6 += xf * w[o6, f]
            s7 += xf * w[o7, f]  # equation (8)
        store(y, (o,), s0)
        store(y, (o1,), s1)
        store(y, (o2,), s2)
        store(y, (o3,), s3)
        store(y, (o4,), s4)
        store(y, (o5,), s5)
        store(y, (o6,), s6)
        store(y, (o7,), s7)


@kernel
def grad_input(dy, w, dx, work):
    """dy (O,), w (O, F) -> dx (F,)"""
    O, F = w.shape
    zero = splat(w.dtype.type(0))
    for f in range(0, F, 8):
        f1, f2, f3, f4 = min(f + 1, F - 1), min(f + 2, F - 1), min(f + 3, F - 1), min(f + 4, F - 1)
        f5, f6, f7 = min(f + 5, F - 1), min(f + 6, F - 1), min(f + 7, F - 1)
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for o in range(O):
            do = load(dy, (o,))
            s0 += do * w[o, f]
            s1 += do * w[o, f1]
            s2 += do * w[o, f2]
            s3 += do * w[o, f3]
            s4 += do * w[o, f4]
            s5 += do * w[o, f5]
            s6 += do * w[o, f6]
            s7 += do * w[o, f7]  # equation (9)
        store(dx, (f,), s0)
        store(dx, (f1,), s1)
        store(dx, (f2,), s2)
        store(dx, (f3,), s3)
        store(dx, (f4,), s4)
        store(dx, (f5,), s5)
        store(dx, (f6,), s6)
        store(dx, (f7,), s7)


@kernel
def grad_weight(x, dy, dw, db, work):
    """x (F,), dy (O,) -> dw (O, F), db (O,), summed over the 16 images in their order"""
    O, F = dw.shape
    zero = splat(dw.dtype.type(0))
    turned = work[: LANES * F].reshape((LANES, F))
    for f in range(F):
        for l in range(LANES):
            turned[l, f] = x[f, l]
    for f in range(0, F - LANES + 1, LANES):
        _eight_rows(turned, dy, dw, f, zero)
    if F >= LANES and F % LANES:
        _eight_rows(turned, dy, dw, F - LANES, zero)
    for o in range(O):
        for f in range(F if F < LANES else 0):
            s = dw.dtype.type(0)
            for l in range(LANES):
                s += x[f, l] * dy[o, l]
            dw[o, f] = s
        db[o] = lane_sum(load(dy, (o,)))


@kernel
def _eight_rows(turned, dy, dw, f, zero):
    """Equation (10) for features f to f + 15, 8 outputs at once; ``turned`` is x as (16 images, F)."""
    O = dw.shape[0]
    for o in range(0, O, 8):
        o1, o2, o3, o4 = min(o + 1, O - 1), min(o + 2, O - 1), min(o + 3, O - 1), min(o + 4, O - 1)
        o5, o6, o7 = min(o + 5, O - 1), min(o + 6, O - 1), min(o + 7, O - 1)
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero
        for l in range(LANES):
            xl = load(turned, (l, f))
            s0 += xl * dy[o, l]
            s1 += xl * dy[o1, l]
            s2 += xl * dy[o2, l]
            s3 += xl * dy[o3, l]
            s4 += xl * dy[o4, l]
            s5 += xl * dy[o5, l]
            s6 += xl * dy[o6, l]
            s7 += xl * dy[o7, l]
        store(dw, (o, f), s0)
        store(dw, (o1, f), s1)
        store(dw, (o2, f), s2)
        store(dw, (o3, f), s3)
        store(dw, (o4, f), s4)
        store(dw, (o5, f), s5)
        store(dw, (o6, f), s6)
        store(dw, (o7, f), s7)


@register("linear")
class Direct:
    """naive's sums and bits, eight in registers"""

    def supports(self, problem: LinearProblem) -> str | None:
        """Everything."""
        return None

    def workspace(self, problem: LinearProblem) -> int:
        """The input with its axes exchanged."""
        return problem.in_features * LANES

    def build(self, problem: LinearProblem) -> WeightedKernels:
        """Nothing to bind."""
        return WeightedKernels(forward, grad_input, grad_weight)

    def single(self, problem: LinearProblem) -> OneImage:
        """16 outputs at once."""
        from nbcnn.kernels.linear import _one_image  # a training has no use for it

        return OneImage(_one_image.forward, _one_image.workspace(problem))
