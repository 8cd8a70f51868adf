"""The kernels of gradient clipping over the flat gradient: plain loops, which LLVM vectorises."""

from __future__ import annotations

import numpy as np

from nbcnn.compiler.jit import kernel

WAYS = 16
"""How many sums run side by side, so that none waits for another."""


@kernel
def sum_of_squares(g, sums):
    """g (size,) -> sums (16,) float64: the squares of g[l], g[l + 16], ... in sums[l], in that order"""
    whole = g.size // WAYS * WAYS
    sums[:] = 0
    for i in range(0, whole, WAYS):
        for l in range(WAYS):
            number = np.float64(g[i + l])
            sums[l] += number * number
    for i in range(whole, g.size):
        number = np.float64(g[i])
        sums[i - whole] += number * number


@kernel
def shrink(g, factor):
    """g (size,) times a number"""
    for i in range(g.size):
        g[i] *= factor
