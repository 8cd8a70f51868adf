"""Unroll every window of x into a column, then multiply matrices: equation (1) as y = W · columns.

The matrix product is NumPy's, that is BLAS; the engine pins BLAS to one thread, since the packs are what is spread
over threads. Costs KH·KW times the memory of x.
"""

from __future__ import annotations

import numpy as np

from nbcnn.kernels.contract import LANES, Conv2dProblem, WeightedKernels
from nbcnn.kernels.conv2d._shared import bias_gradient, undilated_ungrouped
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, splat, store
from nbcnn.kernels.registry import register


@kernel
def unroll(x, columns, stride, padding):
    """x (C, H, W) -> columns (C, KH, KW, OH, OW): at [c, a, k, i, j] the pixel that output (i, j) meets at (a, k)."""
    H, W = x.shape[1:3]
    C, KH, KW, OH, OW = columns.shape[:5]
    zero = splat(x.dtype.type(0))
    for c in range(C):
        for a in range(KH):
            for k in range(KW):
                for i in range(OH):
                    for j in range(OW):
                        r, q = i * stride[0] + a - padding[0], j * stride[1] + k - padding[1]
                        inside = 0 <= r < H and 0 <= q < W
                        store(columns, (c, a, k, i, j), load(x, (c, r, q)) if inside else zero)


@kernel
def fold(columns, dx, stride, padding):
    """The reverse of ``unroll``: add every column entry to the pixel that it came from."""
    H, W = dx.shape[1:3]
    C, KH, KW, OH, OW = columns.shape[:5]
    dx[:] = 0
    for c in range(C):
        for a in range(KH):
            for k in range(KW):
                for i in range(OH):
                    for j in range(OW):
                        r, q = i * stride[0] + a - padding[0], j * stride[1] + k - padding[1]
                        if 0 <= r < H and 0 <= q < W:
                            store(dx, (c, r, q), load(dx, (c, r, q)) + load(columns, (c, a, k, i, j)))


@register("conv2d")
class Im2col:
    """windows as columns of a matrix, one product (BLAS)"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """Stride and padding of any size; not yet dilation or groups."""
        return undilated_ungrouped(problem)

    def workspace(self, problem: Conv2dProblem) -> int:
        """The columns: KH·KW times the output's pixels for each input channel."""
        return int(np.prod(self._columns_shape(problem)))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Two loops around a matrix product."""
        stride, padding, shape = problem.stride, problem.padding[::2], self._columns_shape(problem)
        size, O, taps = self.workspace(problem), problem.out_channels, int(np.prod(shape[:3]))

        def forward(x, w, b, y, work):
            columns = work[:size].reshape(shape)
            unroll(x, columns, stride, padding)
            flat = y.reshape(O, -1)
            np.matmul(w.reshape(O, taps), columns.reshape(taps, -1), out=flat)
            flat += b[:, None]

        def grad_input(dy, w, dx, work):
            columns = work[:size].reshape(shape)
            np.matmul(w.reshape(O, taps).T, dy.reshape(O, -1), out=columns.reshape(taps, -1))
            fold(columns, dx, stride, padding)

        def grad_weight(x, dy, dw, db, work):
            columns = work[:size].reshape(shape)
            unroll(x, columns, stride, padding)
            np.matmul(dy.reshape(O, -1), columns.reshape(taps, -1).T, out=dw.reshape(O, taps))
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)

    def _columns_shape(self, problem: Conv2dProblem) -> tuple[int, ...]:
        """(C, KH, KW, OH, OW, 16)"""
        return (problem.in_channels, *problem.kernel_size, *problem.y_shape[1:], LANES)
