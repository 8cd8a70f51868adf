"""Max pooling of a pack, forward and gradient; padding is never the maximum, NaN always is.

A window none of whose taps meets the image, which dilation makes possible, has the maximum of no numbers: -inf, and no
gradient, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.max_pool2d._window import inside
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, maximum, splat, store, where
from nbcnn.lanes.block_sums import BLOCK, block_at, block_count, block_sizes


@kernel
def forward(x, y, scratch, window):
    """x (C, H, W) -> y (C, OH, OW); window: kernel size, stride, top and left padding, dilation."""
    (KH, KW), (SH, SW), (top, left), (DH, DW) = window
    C, H, W = x.shape[:3]
    nothing = splat(x.dtype.type(-np.inf))
    for c in range(C):
        for i in range(y.shape[1]):
            r = i * SH - top
            for j in range(y.shape[2]):
                q = j * SW - left
                s = nothing
                row, row_stop = inside(r, DH), min(r + KH * DH, H)
                while row < row_stop:  # a range with a step took a third longer
                    column, column_stop = inside(q, DW), min(q + KW * DW, W)
                    while column < column_stop:
                        s = maximum(s, load(x, (c, row, column)))  # equation (6)
                        column += DW
                    row += DH
                store(y, (c, i, j), s)


@kernel
def grad_input(x, y, dy, dx, scratch, window):
    """The gradient goes to the first pixel of the window that is the largest; windows may overlap.

    Where very many may meet a pixel, its gradients are summed in blocks (lanes/block_sums.py): some windows' in
    scratch, then all.
    """
    (KH, KW), (SH, SW), _, _ = window
    dx[:] = 0
    C, OH, OW = y.shape[:3]
    if -(-KH // SH) * -(-KW // SW) <= BLOCK:
        for c in range(C):
            hand_back(x[c], y[c], dy[c], dx[c], ((0, OH), (0, OW)), window)
        return
    plane = scratch[: dx[0].size].reshape(dx.shape[1:])
    terms = (1, OH, OW)
    block = block_sizes(terms)
    for c in range(C):
        for n in range(block_count(terms, block)):
            plane[:] = 0
            hand_back(x[c], y[c], dy[c], plane, block_at(n, terms, block)[1:], window)
            for i in range(dx.shape[1]):  # dx[c] += plane takes Numba 1.3 s to compile
                for j in range(dx.shape[2]):
                    store(dx, (c, i, j), load(dx, (c, i, j)) + load(plane, (i, j)))


@kernel
def hand_back(x, y, dy, dx, some, window):
    """Add the gradients dy of some windows (rows, columns) to dx, all of one channel."""
    (KH, KW), (SH, SW), (top, left), (DH, DW) = window
    (rows, columns), (H, W) = some, x.shape[:2]
    zero = splat(dx.dtype.type(0))
    for i in range(rows[0], rows[1]):
        r = i * SH - top
        for j in range(columns[0], columns[1]):
            q = j * SW - left
            largest = load(y, (i, j))
            rest = load(dy, (i, j))
            row, row_stop = inside(r, DH), min(r + KH * DH, H)
            while row < row_stop:
                column, column_stop = inside(q, DW), min(q + KW * DW, W)
                while column < column_stop:
                    pixel = load(x, (row, column))
                    hit = (pixel == largest) | (pixel != pixel)
                    store(dx, (row, column), load(dx, (row, column)) + where(hit, rest, zero))
                    rest = where(hit, zero, rest)
                    column += DW
                row += DH


@register("max_pool2d")
class Direct(SimpleBackend):
    """the formula, 16 images at once"""

    def workspace(self, problem: Pool2dProblem) -> int:
        """Where more windows may meet a pixel than make a block of a sum: a plane."""
        (KH, KW), (SH, SW) = problem.kernel_size, problem.stride
        return problem.height * problem.width * LANES if -(-KH // SH) * -(-KW // SW) > BLOCK else 0

    def build(self, problem: Pool2dProblem) -> ParameterFreeKernels:
        """Bind the window."""
        window = _window(problem)
        return ParameterFreeKernels(KernelWithAttributes(forward, window), KernelWithAttributes(grad_input, window))

    def single(self, problem: Pool2dProblem) -> OneImage:
        """16 windows at once, unless there are fewer."""
        from nbcnn.kernels.max_pool2d import _one_image  # a training has no use for it

        return _one_image.kernel_of(problem, _window(problem))


def _window(problem: Pool2dProblem) -> tuple[Any, ...]:
    return problem.kernel_size, problem.stride, problem.padding[::2], problem.dilation
