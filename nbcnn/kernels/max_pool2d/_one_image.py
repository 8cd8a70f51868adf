"""Max pooling of one image: each window in its order, as in a pack, 16 neighbouring windows in the lanes."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels._window import lay_out, next_row, polyphase_of
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage
from nbcnn.kernels.max_pool2d._window import inside
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.lanes import load, maximum, splat, store_masked


def kernel_of(problem: Pool2dProblem, attributes: tuple[Any, ...]) -> OneImage:
    """``attributes`` are those of the pack's kernel."""
    if prod(problem.y_shape[1:]) < LANES:
        return OneImage(KernelWithAttributes(few_windows, attributes))
    window, size = polyphase_of(problem)
    return OneImage(KernelWithAttributes(forward, problem.kernel_size[0], window), size)


@kernel
def forward(x, y, scratch, KH, window):
    """x (C, H, W) -> y (C, OH, OW), for at least 16 windows of KH rows a channel; window: _window.py."""
    P = y.shape[1] * y.shape[2]
    nothing = x.dtype.type(-np.inf)
    polyphase, flat = lay_out(x, scratch, window, nothing), y.reshape((y.shape[0], P))
    for c in range(y.shape[0]):
        for p in range(0, P, LANES):
            s = splat(nothing)
            d, phase = p, 0
            for _ in range(KH):
                for k in range(polyphase.shape[1]):
                    s = maximum(s, load(polyphase, (c, k, d)))  # equation (6)
                d, phase = next_row(d, phase, window)
            store_masked(flat, (c, p), s, P - p)


@kernel
def few_windows(x, y, scratch, window):
    """The same, one window after the other."""
    (KH, KW), (SH, SW), (top, left), (DH, DW) = window
    C, H, W = x.shape
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                s = x.dtype.type(-np.inf)
                for row in range(inside(r, DH), min(r + KH * DH, H), DH):
                    for column in range(inside(q, DW), min(q + KW * DW, W), DW):
                        v = x[c, row, column]
                        s = s if s > v or s != s else v  # equation (6)
                y[c, i, j] = s
