"""The formula itself: read this page first. Every other backend is held against it."""

from __future__ import annotations

from nbcnn.kernels.contract import Conv2dProblem, Fixed, WeightedKernels
from nbcnn.kernels.conv2d._shared import undilated_ungrouped
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store
from nbcnn.kernels.registry import register


@kernel
def forward(x, w, b, y, work, numbers):
    """x (C, H, W), w (O, C, KH, KW), b (O,) -> y (O, OH, OW)"""
    stride, padding = numbers
    C, H, W = x.shape[:3]
    O, _, KH, KW = w.shape
    OH, OW = y.shape[1:3]
    for o in range(O):
        for i in range(OH):
            for j in range(OW):
                s = splat(b[o])
                for c in range(C):
                    for a in range(KH):
                        for k in range(KW):
                            r = i * stride[0] + a - padding[0]
                            q = j * stride[1] + k - padding[1]
                            if 0 <= r < H and 0 <= q < W:
                                s += load(x, (c, r, q)) * w[o, c, a, k]  # equation (1)
                store(y, (o, i, j), s)


@kernel
def grad_input(dy, w, dx, work, numbers):
    """dy (O, OH, OW), w (O, C, KH, KW) -> dx (C, H, W)"""
    stride, padding = numbers
    C, H, W = dx.shape[:3]
    O, _, KH, KW = w.shape
    OH, OW = dy.shape[1:3]
    for c in range(C):
        for r in range(H):
            for q in range(W):
                s = splat(w.dtype.type(0))
                for o in range(O):
                    for a in range(KH - 1, -1, -1):  # downwards, so that outputs are met from the top left on
                        for k in range(KW - 1, -1, -1):
                            i, i_rest = divmod(r + padding[0] - a, stride[0])
                            j, j_rest = divmod(q + padding[1] - k, stride[1])
                            if i_rest == 0 and j_rest == 0 and 0 <= i < OH and 0 <= j < OW:
                                s += load(dy, (o, i, j)) * w[o, c, a, k]  # equation (3)
                store(dx, (c, r, q), s)


@kernel
def grad_weight(x, dy, dw, db, work, numbers):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C, KH, KW), db (O,), summed over the 16 images"""
    stride, padding = numbers
    C, H, W = x.shape[:3]
    O, _, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    for o in range(O):
        for c in range(C):
            for a in range(KH):
                for k in range(KW):
                    s = splat(dw.dtype.type(0))
                    for i in range(OH):
                        for j in range(OW):
                            r = i * stride[0] + a - padding[0]
                            q = j * stride[1] + k - padding[1]
                            if 0 <= r < H and 0 <= q < W:
                                s += load(x, (c, r, q)) * load(dy, (o, i, j))  # equation (4)
                    dw[o, c, a, k] = lane_sum(s)
        s = splat(dw.dtype.type(0))
        for i in range(OH):
            for j in range(OW):
                s += load(dy, (o, i, j))  # equation (5)
        db[o] = lane_sum(s)


@register("conv2d")
class Naive:
    """the formula, loop for loop: the page to read first"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """Stride and padding of any size; not yet dilation or groups."""
        return undilated_ungrouped(problem)

    def workspace(self, problem: Conv2dProblem) -> int:
        """None."""
        return 0

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind stride and padding."""
        numbers = (problem.stride, problem.padding[::2])
        return WeightedKernels(Fixed(forward, numbers), Fixed(grad_input, numbers), Fixed(grad_weight, numbers))
