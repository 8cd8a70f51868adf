"""Unroll every window of x into a column, then multiply matrices: equation (1) as y = W · columns.

Each group of channels has a product of its own. The matrix product is NumPy's, that is BLAS; the engine pins BLAS to
one thread, since the packs are what is spread over threads. Costs KH·KW times the memory of x.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.kernels.contract import LANES, Conv2dProblem, SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.cost import Cost, formula_cost
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, splat, store
from nbcnn.kernels.registry import register


@kernel
def unroll(x, columns, numbers):
    """x (C, H, W) -> columns (C, KH, KW, OH, OW): at [c, a, k, i, j] the pixel that output (i, j) meets at (a, k)."""
    (SH, SW), (DH, DW), (top, left) = numbers
    H, W = x.shape[1:3]
    C, KH, KW, OH, OW = columns.shape[:5]
    zero = splat(x.dtype.type(0))
    for c in range(C):
        for a in range(KH):
            for k in range(KW):
                for i in range(OH):
                    for j in range(OW):
                        r, q = i * SH + a * DH - top, j * SW + k * DW - left
                        inside = 0 <= r < H and 0 <= q < W
                        store(columns, (c, a, k, i, j), load(x, (c, r, q)) if inside else zero)


@kernel
def fold(columns, dx, numbers):
    """The reverse of ``unroll``: add every column entry to the pixel that it came from."""
    (SH, SW), (DH, DW), (top, left) = numbers
    H, W = dx.shape[1:3]
    C, KH, KW, OH, OW = columns.shape[:5]
    dx[:] = 0
    for c in range(C):
        for a in range(KH):
            for k in range(KW):
                for i in range(OH):
                    for j in range(OW):
                        r, q = i * SH + a * DH - top, j * SW + k * DW - left
                        if 0 <= r < H and 0 <= q < W:
                            store(dx, (c, r, q), load(dx, (c, r, q)) + load(columns, (c, a, k, i, j)))


@register("conv2d")
class Im2col(SimpleBackend):
    """windows as columns of a matrix, one product (BLAS)"""

    def workspace(self, problem: Conv2dProblem) -> int:
        """The columns: KH·KW times the output's pixels for each input channel."""
        return prod(_columns_shape(problem))

    def cost(self, problem: Conv2dProblem) -> Cost:
        """The formula's products; but every column is written once and read once."""
        plain, columns = formula_cost(problem), 2 * self.workspace(problem)
        return Cost(*(work._replace(numbers=work.numbers + columns) for work in plain))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Two loops around a matrix product for each group of channels."""
        numbers, shape = (problem.stride, problem.dilation, problem.padding[::2]), _columns_shape(problem)
        size, O, G = prod(shape), problem.out_channels, problem.groups
        taps = prod(shape[:3]) // G  # what an output sums: the height of a column

        def forward(x, w, b, y, work):
            columns = work[:size].reshape(shape)
            unroll(x, columns, numbers)
            np.matmul(w.reshape(G, O // G, taps), columns.reshape(G, taps, -1), out=y.reshape(G, O // G, -1))
            flat = y.reshape(O, -1)
            flat += b[:, None]

        def grad_input(dy, w, dx, work):
            columns = work[:size].reshape(shape)
            turned = w.reshape(G, O // G, taps).transpose(0, 2, 1)
            np.matmul(turned, dy.reshape(G, O // G, -1), out=columns.reshape(G, taps, -1))
            fold(columns, dx, numbers)

        def grad_weight(x, dy, dw, db, work):
            columns = work[:size].reshape(shape)
            unroll(x, columns, numbers)
            turned = columns.reshape(G, taps, -1).transpose(0, 2, 1)
            np.matmul(dy.reshape(G, O // G, -1), turned, out=dw.reshape(G, O // G, taps))
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)


def _columns_shape(problem: Conv2dProblem) -> tuple[int, ...]:
    """(C, KH, KW, OH, OW, 16)"""
    return (problem.in_channels, *problem.kernel_size, *problem.y_shape[1:], LANES)
