"""Convolution as the formula, loop for loop: the page to read first, and what other backends are compared with.

C / G input channels make a group, and so do O / G output channels, which see no others. CG and OG are these numbers.

A sum of more than some thousand terms is taken in blocks (lanes/block_sums.py): each has a sum ``s`` of its own, and
these are then added. Shorter sums are one block, so for them read the loops over c, a and k (or i and j) as if they
began at 0.
"""

from __future__ import annotations

from math import prod

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, formula_cost, met_taps
from nbcnn.kernels.registry import register
from nbcnn.lanes import lane_sum, load, splat, store
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW)"""
    (SH, SW), (DH, DW), (top, left) = attributes
    zero = splat(w.dtype.type(0))
    C, H, W = x.shape[:3]
    O, CG, KH, KW = w.shape
    OH, OW = y.shape[1:3]
    OG = O * CG // C
    terms = (CG, KH, KW)
    block = block_sizes(terms)
    for o in range(O):
        first = o // OG * CG
        for i in range(OH):
            for j in range(OW):
                s = total = splat(b[o])
                for n in range(block_count(terms, block)):
                    (c0, c1), (a0, a1), (k0, k1) = block_at(n, terms, block)
                    for c in range(c0, c1):
                        for a in range(a0, a1):
                            for k in range(k0, k1):
                                r, q = i * SH + a * DH - top, j * SW + k * DW - left
                                if 0 <= r < H and 0 <= q < W:
                                    s += load(x, (first + c, r, q)) * w[o, c, a, k]  # equation (1)
                    s, total = zero, s if n == 0 else total + s
                store(y, (o, i, j), total)


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW), w (O, C/G, KH, KW) -> dx (C, H, W)"""
    (SH, SW), (DH, DW), (top, left) = attributes
    zero = splat(w.dtype.type(0))
    C, H, W = dx.shape[:3]
    O, CG, KH, KW = w.shape
    OH, OW = dy.shape[1:3]
    OG = O * CG // C
    terms = (OG, KH, KW)
    block = block_sizes(terms)
    for c in range(C):
        first = c // CG * OG
        for r in range(H):
            for q in range(W):
                s = total = zero
                for n in range(block_count(terms, block)):
                    (o0, o1), (a0, a1), (k0, k1) = block_at(n, terms, block)
                    for o in range(first + o0, first + o1):
                        # Taps from the last on, so that outputs are met from the top left on.
                        for a in range(KH - 1 - a0, KH - 1 - a1, -1):
                            i, i_rest = divmod(r + top - a * DH, SH)
                            for k in range(KW - 1 - k0, KW - 1 - k1, -1):
                                j, j_rest = divmod(q + left - k * DW, SW)
                                if i_rest == 0 and j_rest == 0 and 0 <= i < OH and 0 <= j < OW:
                                    s += load(dy, (o, i, j)) * w[o, c % CG, a, k]  # equation (3)
                    s, total = zero, s if n == 0 else total + s
                store(dx, (c, r, q), total)


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, KH, KW), db (O,), summed over the 16 images"""
    (SH, SW), (DH, DW), (top, left) = attributes
    zero = splat(dw.dtype.type(0))
    C, H, W = x.shape[:3]
    O, CG, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    OG = O * CG // C
    terms = (1, OH, OW)
    block = block_sizes(terms)
    for o in range(O):
        first = o // OG * CG
        for c in range(CG):
            for a in range(KH):
                for k in range(KW):
                    s = total = zero
                    for n in range(block_count(terms, block)):
                        _, (i0, i1), (j0, j1) = block_at(n, terms, block)
                        for i in range(i0, i1):
                            for j in range(j0, j1):
                                r, q = i * SH + a * DH - top, j * SW + k * DW - left
                                if 0 <= r < H and 0 <= q < W:
                                    s += load(x, (first + c, r, q)) * load(dy, (o, i, j))  # equation (4)
                        s, total = zero, s if n == 0 else total + s
                    dw[o, c, a, k] = lane_sum(total)
        s = total = zero
        for n in range(block_count(terms, block)):
            _, (i0, i1), (j0, j1) = block_at(n, terms, block)
            for i in range(i0, i1):
                for j in range(j0, j1):
                    s += load(dy, (o, i, j))  # equation (5)
            s, total = zero, s if n == 0 else total + s
        db[o] = lane_sum(total)


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
        attributes = (problem.stride, problem.dilation, problem.padding[::2])
        return WeightedKernels(
            KernelWithAttributes(forward, attributes),
            KernelWithAttributes(grad_input, attributes),
            KernelWithAttributes(grad_weight, attributes),
        )
