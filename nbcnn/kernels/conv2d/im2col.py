"""Convolution as a matrix product over unrolled windows: equation (1) as y = W · columns.

Each group of channels has a product of its own. The matrix product is NumPy's, that is BLAS; the engine pins BLAS to
one thread, since the packs are what is spread over threads. Costs KH·KW times the memory of x.

BLAS takes its sums as it likes, some in a single accumulator. So long ones go to it in blocks (lanes/block_sums.py).
"""

from __future__ import annotations

from math import isqrt, prod

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, formula_cost
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, splat, store
from nbcnn.lanes.block_sums import BLOCK, block_at, block_count, block_sizes


@kernel
def unroll(x, columns, attributes):
    """x (C, H, W) -> columns (C, KH, KW, OH, OW): at [c, a, k, i, j] the pixel that output (i, j) meets at (a, k)."""
    (SH, SW), (DH, DW), (top, left) = attributes
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
def fold(columns, dx, attributes):
    """The reverse of ``unroll``: add every column entry to the pixel that it came from."""
    (SH, SW), (DH, DW), (top, left) = attributes
    H, W = dx.shape[1:3]
    C, KH, KW, OH, OW = columns.shape[:5]
    if KH * KW > BLOCK:
        fold_many(columns, dx, attributes)
        return
    dx[:] = 0
    for c in range(C):
        for a in range(KH):
            for k in range(KW):
                for i in range(OH):
                    for j in range(OW):
                        r, q = i * SH + a * DH - top, j * SW + k * DW - left
                        if 0 <= r < H and 0 <= q < W:
                            store(dx, (c, r, q), load(dx, (c, r, q)) + load(columns, (c, a, k, i, j)))


@kernel
def fold_many(columns, dx, attributes):
    """The same, pixel by pixel, where so many entries may come from one that its sum has to be taken in blocks."""
    (SH, SW), (DH, DW), (top, left) = attributes
    C, KH, KW, OH, OW = columns.shape[:5]
    terms = (1, KH, KW)
    block = block_sizes(terms)
    zero = splat(dx.dtype.type(0))
    for c in range(C):
        for r in range(dx.shape[1]):
            for q in range(dx.shape[2]):
                s = total = zero
                for n in range(block_count(terms, block)):
                    _, (a0, a1), (k0, k1) = block_at(n, terms, block)
                    for a in range(a0, a1):
                        i, i_rest = divmod(r + top - a * DH, SH)
                        for k in range(k0, k1 if i_rest == 0 and 0 <= i < OH else k0):
                            j, j_rest = divmod(q + left - k * DW, SW)
                            if j_rest == 0 and 0 <= j < OW:
                                s += load(columns, (c, a, k, i, j))
                    s, total = zero, s if n == 0 else total + s
                store(dx, (c, r, q), total)


def multiply(u, v, out):
    """out (G, M, N) = u (G, M, K) times v (G, K, N), in blocks of K."""
    K = u.shape[2]
    length = max(BLOCK, isqrt(K))
    np.matmul(u[..., :length], v[:, :length], out=out)
    for first in range(length, K, length):
        out += np.matmul(u[..., first : first + length], v[:, first : first + length])


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

        def forward(x, w, b, y, scratch):
            columns = scratch[:size].reshape(shape)
            unroll(x, columns, numbers)
            multiply(w.reshape(G, O // G, taps), columns.reshape(G, taps, -1), y.reshape(G, O // G, -1))
            flat = y.reshape(O, -1)
            flat += b[:, None]

        def grad_input(dy, w, dx, scratch):
            columns = scratch[:size].reshape(shape)
            turned = w.reshape(G, O // G, taps).transpose(0, 2, 1)
            multiply(turned, dy.reshape(G, O // G, -1), columns.reshape(G, taps, -1))
            fold(columns, dx, numbers)

        def grad_weight(x, dy, dw, db, scratch):
            columns = scratch[:size].reshape(shape)
            unroll(x, columns, numbers)
            turned = columns.reshape(G, taps, -1).transpose(0, 2, 1)
            multiply(dy.reshape(G, O // G, -1), turned, dw.reshape(G, O // G, taps))
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)


def _columns_shape(problem: Conv2dProblem) -> tuple[int, ...]:
    """(C, KH, KW, OH, OW, 16)"""
    return (problem.in_channels, *problem.kernel_size, *problem.y_shape[1:], LANES)
