"""The formula itself: read this page first. Every other backend is held against it.

C / G input channels make a group, and so do O / G output channels, which see no others. CG and OG are these numbers.
"""

from __future__ import annotations

from math import prod

from nbcnn.kernels.contract import LANES, Conv2dProblem, Fixed, SimpleBackend, WeightedKernels
from nbcnn.kernels.cost import Cost, formula_cost, met_taps
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store
from nbcnn.kernels.registry import register


@kernel
def forward(x, w, b, y, work, numbers):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW)"""
    (SH, SW), (DH, DW), (top, left) = numbers
    C, H, W = x.shape[:3]
    O, CG, KH, KW = w.shape
    OH, OW = y.shape[1:3]
    OG = O * CG // C
    for o in range(O):
        first = o // OG * CG
        for i in range(OH):
            for j in range(OW):
                s = splat(b[o])
                for c in range(CG):
                    for a in range(KH):
                        for k in range(KW):
                            r, q = i * SH + a * DH - top, j * SW + k * DW - left
                            if 0 <= r < H and 0 <= q < W:
                                s += load(x, (first + c, r, q)) * w[o, c, a, k]  # equation (1)
                store(y, (o, i, j), s)


@kernel
def grad_input(dy, w, dx, work, numbers):
    """dy (O, OH, OW), w (O, C/G, KH, KW) -> dx (C, H, W)"""
    (SH, SW), (DH, DW), (top, left) = numbers
    C, H, W = dx.shape[:3]
    O, CG, KH, KW = w.shape
    OH, OW = dy.shape[1:3]
    OG = O * CG // C
    for c in range(C):
        first = c // CG * OG
        for r in range(H):
            for q in range(W):
                s = splat(w.dtype.type(0))
                for o in range(first, first + OG):
                    for a in range(KH - 1, -1, -1):  # downwards, so that outputs are met from the top left on
                        i, i_rest = divmod(r + top - a * DH, SH)
                        for k in range(KW - 1, -1, -1):
                            j, j_rest = divmod(q + left - k * DW, SW)
                            if i_rest == 0 and j_rest == 0 and 0 <= i < OH and 0 <= j < OW:
                                s += load(dy, (o, i, j)) * w[o, c % CG, a, k]  # equation (3)
                store(dx, (c, r, q), s)


@kernel
def grad_weight(x, dy, dw, db, work, numbers):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, KH, KW), db (O,), summed over the 16 images"""
    (SH, SW), (DH, DW), (top, left) = numbers
    C, H, W = x.shape[:3]
    O, CG, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    OG = O * CG // C
    for o in range(O):
        first = o // OG * CG
        for c in range(CG):
            for a in range(KH):
                for k in range(KW):
                    s = splat(dw.dtype.type(0))
                    for i in range(OH):
                        for j in range(OW):
                            r, q = i * SH + a * DH - top, j * SW + k * DW - left
                            if 0 <= r < H and 0 <= q < W:
                                s += load(x, (first + c, r, q)) * load(dy, (o, i, j))  # equation (4)
                    dw[o, c, a, k] = lane_sum(s)
        s = splat(dw.dtype.type(0))
        for i in range(OH):
            for j in range(OW):
                s += load(dy, (o, i, j))  # equation (5)
        db[o] = lane_sum(s)


@register("conv2d")
class Naive(SimpleBackend):
    """the formula, loop for loop: the page to read first"""

    def cost(self, problem: Conv2dProblem) -> Cost:
        """The formula's products, less those with padding, which are skipped."""
        p, met = problem, prod(problem.w_shape[:2]) * LANES
        for axis in (0, 1):
            met *= met_taps(
                p.x_shape[1 + axis],
                p.kernel_size[axis],
                p.stride[axis],
                p.padding[2 * axis],
                p.dilation[axis],
                p.y_shape[1 + axis],
            )
        return Cost(*(work._replace(macs=met) for work in formula_cost(p)))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind stride, dilation and padding."""
        numbers = (problem.stride, problem.dilation, problem.padding[::2])
        return WeightedKernels(Fixed(forward, numbers), Fixed(grad_input, numbers), Fixed(grad_weight, numbers))
