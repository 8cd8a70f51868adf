"""Fused kernels of an activation and the pooling after it: one pass, the same bits.

It takes pooling whose windows tile the image, for there each pixel has one window. Where the activation's output is
wanted again, by a backward pass, it is kept.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import ParameterFreeKernels
from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
from nbcnn.kernels.elementwise_kernels import ElementwiseKernels, constants_of
from nbcnn.kernels.ops import built_in, op
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend
from nbcnn.lanes import load, maximum, splat, store, where


def average(value, gradient, of_input):
    """Average pooling, equation (7), of an activation with these formulas (kernels/elementwise_kernels.py).

    What of the attributes follows ``keep`` are the formulas' constants.
    """

    @kernel
    def forward(x, y, z, attributes):
        """x (C, H, W) -> y (C, H, W) the activation if kept, z (C, OH, OW); attributes: window, divisor, keep."""
        (rows, columns), divisor, keep = attributes[:3]
        KH, KW = len(rows), len(columns)
        zero = splat(x.dtype.type(0))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    s = zero
                    for a in range(KH):
                        for k in range(KW):
                            v = value(load(x, (c, i * KH + a, j * KW + k)), *attributes[3:])
                            if keep != 0:
                                store(y, (c, i * KH + a, j * KW + k), v)
                            s += v
                    store(z, (c, i, j), s / divisor)

    @kernel
    def grad_input(u, z, dz, dx, attributes):
        """u (C, H, W) that ``gradient`` takes, y or x; dz (C, OH, OW) -> dx (C, H, W)"""
        (rows, columns), divisor = attributes[:2]
        KH, KW = len(rows), len(columns)
        zero = splat(dx.dtype.type(0))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    share = zero + load(dz, (c, i, j)) / divisor  # a sum over windows begins with 0: no -0 comes out
                    for a in range(KH):
                        for k in range(KW):
                            v = load(u, (c, i * KH + a, j * KW + k))
                            store(dx, (c, i * KH + a, j * KW + k), gradient(v, share, *attributes[3:]))

    return ParameterFreeKernels(forward, grad_input)


def largest(value, gradient, of_input):
    """Max pooling, equation (6), of an activation; as ``average``."""

    @kernel
    def forward(x, y, z, attributes):
        """x (C, H, W) -> y (C, H, W) the activation, if it is kept, z (C, OH, OW); attributes: window, 0, keep."""
        (rows, columns), _, keep = attributes[:3]
        KH, KW = len(rows), len(columns)
        nothing = splat(x.dtype.type(-np.inf))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    s = nothing
                    for a in range(KH):
                        for k in range(KW):
                            v = value(load(x, (c, i * KH + a, j * KW + k)), *attributes[3:])
                            if keep != 0:
                                store(y, (c, i * KH + a, j * KW + k), v)
                            s = maximum(s, v)
                    store(z, (c, i, j), s)

    @kernel
    def grad_input(u, z, dz, dx, attributes):
        """u (C, H, W) that ``gradient`` takes, y or x, z as forward gave it, dz (C, OH, OW) -> dx (C, H, W): to the
        first pixel that is the largest
        """
        rows, columns = attributes[0]
        KH, KW = len(rows), len(columns)
        zero = splat(dx.dtype.type(0))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    top, rest = load(z, (c, i, j)), load(dz, (c, i, j))
                    for a in range(KH):
                        for k in range(KW):
                            v = load(u, (c, i * KH + a, j * KW + k))
                            pixel = value(v, *attributes[3:]) if of_input else v
                            hit = (pixel == top) | (pixel != pixel)
                            d = zero + where(hit, rest, zero)
                            store(dx, (c, i * KH + a, j * KW + k), gradient(v, d, *attributes[3:]))
                            rest = where(hit, zero, rest)

    return ParameterFreeKernels(forward, grad_input)


POOLING = {"avg_pool2d": average, "max_pool2d": largest}
ACTIVATIONS = tuple(name for name in built_in() if isinstance(op(name), ActivationOp))
"""Those whose backend ``direct`` is made of two formulas."""


def formulas(activation: ElementwiseProblem) -> ElementwiseKernels:
    """Those that the backend ``direct`` has for an activation."""
    found: ElementwiseKernels = backend(activation.op).kernels_of(activation)  # type: ignore[attr-defined]
    return found


def fused(activation: ElementwiseProblem, pooling: str) -> ParameterFreeKernels:
    """The kernels of an activation and a pooling op, of their backends ``direct``."""
    return _fused(formulas(activation), pooling)


@cache
def _fused(made: ElementwiseKernels, pooling: str) -> ParameterFreeKernels:
    return POOLING[pooling](made.value, made.gradient, made.of_input)


LONGEST = 32
"""Rows and columns of a window together: more would not fit into a call's row of words, nor soon be compiled. So no sum
here is cut into blocks (lanes/block_sums.py)."""


def tiles(problem: Pool2dProblem) -> bool:
    """Whether each pixel lies in one window and each window in the image; and windows are small."""
    (KH, KW), (_, OH, OW) = problem.kernel_size, problem.y_shape
    if KH + KW > LONGEST:
        return False
    apart = problem.kernel_size == problem.stride and problem.dilation == (1, 1)
    return apart and not any(problem.padding) and (problem.height, problem.width) == (KH * OH, KW * OW)


def numbers(activation: ElementwiseProblem, problem: Pool2dProblem, keep: bool) -> tuple[Any, ...]:
    """What the kernels want to know: the window, what a mean is divided by, whether to keep the activation, constants.

    Rows and columns of the window are tuples, so that their number is in the type: the compiler then has no loops over
    them, which took a third of the time.
    """
    KH, KW = problem.kernel_size
    window = tuple(range(KH)), tuple(range(KW))
    return window, problem.divisor_override or KH * KW, int(keep), *constants_of(activation)
