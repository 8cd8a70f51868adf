"""Kernels of an activation and the pooling after it in one pass, with the bits of both.

It takes pooling whose windows tile the image, for there each pixel has one window. Where the activation's output is
wanted again, by a backward pass, it is kept.
"""

from __future__ import annotations

import importlib
from functools import cache

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import ParameterFreeKernels
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.lanes import load, maximum, splat, store, where


def average(value, gradient):
    """Average pooling, equation (7), of an activation: ``value`` of a number, ``gradient`` from output and gradient."""

    @kernel
    def forward(x, y, z, attributes):
        """x (C, H, W) -> y (C, H, W) the activation if kept, z (C, OH, OW); attributes: window, divisor, keep."""
        (rows, columns), divisor, keep = attributes
        KH, KW = len(rows), len(columns)
        zero = splat(x.dtype.type(0))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    s = zero
                    for a in range(KH):
                        for k in range(KW):
                            v = value(load(x, (c, i * KH + a, j * KW + k)))
                            if keep != 0:
                                store(y, (c, i * KH + a, j * KW + k), v)
                            s += v
                    store(z, (c, i, j), s / divisor)

    @kernel
    def grad_input(y, z, dz, dx, attributes):
        """y, z as forward gave them, dz (C, OH, OW) -> dx (C, H, W)"""
        (rows, columns), divisor, _ = attributes
        KH, KW = len(rows), len(columns)
        zero = splat(dx.dtype.type(0))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    share = zero + load(dz, (c, i, j)) / divisor  # a sum over windows begins with 0: no -0 comes out
                    for a in range(KH):
                        for k in range(KW):
                            store(
                                dx, (c, i * KH + a, j * KW + k), gradient(load(y, (c, i * KH + a, j * KW + k)), share)
                            )

    return ParameterFreeKernels(forward, grad_input)


def largest(value, gradient):
    """Max pooling, equation (6), of an activation; as ``average``."""

    @kernel
    def forward(x, y, z, attributes):
        """x (C, H, W) -> y (C, H, W) the activation, if it is kept, z (C, OH, OW); attributes: window, 0, keep."""
        (rows, columns), _, keep = attributes
        KH, KW = len(rows), len(columns)
        nothing = splat(x.dtype.type(-np.inf))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    s = nothing
                    for a in range(KH):
                        for k in range(KW):
                            v = value(load(x, (c, i * KH + a, j * KW + k)))
                            if keep != 0:
                                store(y, (c, i * KH + a, j * KW + k), v)
                            s = maximum(s, v)
                    store(z, (c, i, j), s)

    @kernel
    def grad_input(y, z, dz, dx, attributes):
        """y, z as forward gave them, dz (C, OH, OW) -> dx (C, H, W): to the first pixel that is the largest"""
        (rows, columns), _, _ = attributes
        KH, KW = len(rows), len(columns)
        zero = splat(dx.dtype.type(0))
        for c in range(z.shape[0]):
            for i in range(z.shape[1]):
                for j in range(z.shape[2]):
                    top, rest = load(z, (c, i, j)), load(dz, (c, i, j))
                    for a in range(KH):
                        for k in range(KW):
                            pixel = load(y, (c, i * KH + a, j * KW + k))
                            hit = (pixel == top) | (pixel != pixel)
                            store(dx, (c, i * KH + a, j * KW + k), gradient(pixel, zero + where(hit, rest, zero)))
                            rest = where(hit, zero, rest)

    return ParameterFreeKernels(forward, grad_input)


POOLING = {"avg_pool2d": average, "max_pool2d": largest}
ACTIVATIONS = ("relu", "sigmoid", "tanh")


@cache
def fused(activation: str, pooling: str) -> ParameterFreeKernels:
    """The kernels of a pair of ops, of their backends ``direct``."""
    direct = importlib.import_module(f"nbcnn.kernels.{activation}.direct")
    return POOLING[pooling](direct.value, direct.gradient)


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


def numbers(problem: Pool2dProblem, keep: bool) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], int, int]:
    """What the kernels want to know: the window, what a mean is divided by, whether to keep the activation.

    Rows and columns of the window are tuples, so that their number is in the type: the compiler then has no loops over
    them, which took a third of the time.
    """
    KH, KW = problem.kernel_size
    return (tuple(range(KH)), tuple(range(KW))), problem.divisor_override or KH * KW, int(keep)
