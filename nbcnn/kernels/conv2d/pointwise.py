"""1×1 kernels alone: at every pixel a matrix product over channels, equation (27); nothing is unrolled or padded.

With a stride, the pixels that are met are copied together first. The product is NumPy's, that is BLAS, as in im2col.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.kernels.contract import LANES, Conv2dProblem, WeightedKernels
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.cost import Cost, formula_cost
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, splat, store
from nbcnn.kernels.registry import register


@kernel
def pick(x, met, stride):
    """The pixels of x (C, H, W) that outputs meet, to met (C, OH, OW)."""
    C, OH, OW = met.shape[:3]
    for c in range(C):
        for i in range(OH):
            for j in range(OW):
                store(met, (c, i, j), load(x, (c, i * stride[0], j * stride[1])))


@kernel
def spread(met, dx, stride):
    """The reverse: met (C, OH, OW) to where it was picked from in dx (C, H, W), zeros elsewhere."""
    C, OH, OW = met.shape[:3]
    zero = splat(dx.dtype.type(0))
    for c in range(C):
        for r in range(dx.shape[1]):
            for q in range(dx.shape[2]):
                i, i_rest = divmod(r, stride[0])
                j, j_rest = divmod(q, stride[1])
                inside = i_rest == 0 and j_rest == 0 and i < OH and j < OW
                store(dx, (c, r, q), load(met, (c, i, j)) if inside else zero)


@register("conv2d")
class Pointwise:
    """1×1 kernels: a matrix product over channels (BLAS)"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """1×1 kernels without padding, at any stride and in any groups."""
        if problem.kernel_size != (1, 1):
            KH, KW = problem.kernel_size
            return f"the kernel is {KH}×{KW}, it can only do 1×1"
        if any(problem.padding):
            return (
                f"padding is {problem.padding}, it can only do none (of a 1×1 kernel it makes a border of bias alone)"
            )
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """With a stride, the pixels that are met."""
        return 0 if problem.stride == (1, 1) else self._met(problem)

    def cost(self, problem: Conv2dProblem) -> Cost:
        """The formula's products; with a stride, pixels are written and read once more."""
        copied = 2 * self.workspace(problem)
        return Cost(*(work._replace(numbers=work.numbers + copied) for work in formula_cost(problem)))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """One matrix product for each group."""
        p, G, size = problem, problem.groups, self._met(problem)
        C, O, dense = p.in_channels // G, p.out_channels // G, p.stride == (1, 1)

        def met(x, work):
            if dense:
                return x.reshape(G, C, -1)
            picked = work[:size].reshape(p.in_channels, *p.y_shape[1:], LANES)
            pick(x, picked, p.stride)
            return picked.reshape(G, C, -1)

        def forward(x, w, b, y, work):
            np.matmul(w.reshape(G, O, C), met(x, work), out=y.reshape(G, O, -1))
            flat = y.reshape(p.out_channels, -1)
            flat += b[:, None]

        def grad_input(dy, w, dx, work):
            target = dx if dense else work[:size].reshape(p.in_channels, *p.y_shape[1:], LANES)
            np.matmul(w.reshape(G, O, C).transpose(0, 2, 1), dy.reshape(G, O, -1), out=target.reshape(G, C, -1))
            if not dense:
                spread(target, dx, p.stride)

        def grad_weight(x, dy, dw, db, work):
            np.matmul(dy.reshape(G, O, -1), met(x, work).transpose(0, 2, 1), out=dw.reshape(G, O, C))
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)

    def _met(self, problem: Conv2dProblem) -> int:
        return prod((problem.in_channels, *problem.y_shape[1:], LANES))
