"""Polyphase layout of one image, with which 16 neighbouring windows are loaded as one vector.

In a pack the lanes are 16 images. One image (C, H, W) fills them with 16 neighbours of the output instead, row after
row, so that rows need not be multiples of 16. For that each tap column k gets a copy of the image, with the columns
that it meets as the output's column j grows, and no others:

    polyphase[c, k, row, j] = x[c, row, j SW + k DW - left],  and what padding holds outside of the image

The rows are sorted by phase, their number modulo SH: first 0, SH, 2 SH, …, then 1, SH + 1, …. So output p = i OW + j
finds its tap (a, k) at p + step(a) of plane (c, k), for any stride, dilation and padding. A plane has room for 16
numbers more, because the last vector may reach beyond its end.
"""

from __future__ import annotations

from typing import Any

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES
from nbcnn.lanes import deinterleave, load_masked, store_masked


def polyphase_of(problem: Any) -> tuple[tuple[Any, ...], int]:
    """The constants of a problem with windows (``window``), and the size of its array ``polyphase``.

    window: (rows of one phase, output's columns), steps (see ``next_row``), columns of the kernel, stride, column
    dilation, padding at the top and at the left.
    """
    (KH, KW), (SH, SW), (DH, DW) = problem.kernel_size, problem.stride, problem.dilation
    OH, OW = problem.y_shape[1:]
    deep = ((OH - 1) * SH + (KH - 1) * DH) // SH + 1
    rows, phases = divmod(DH, SH)
    steps = (phases, (phases * deep + rows) * OW, (SH * deep - 1) * OW)
    window = ((deep, OW), steps, KW, (SH, SW), DW, problem.padding[::2])
    return window, problem.x_shape[0] * KW * (SH * deep * OW + LANES)


@kernel
def next_row(d, phase, window):
    """The offset d and the phase of the next row of taps, from those of one row.

    Without a division, for it would be in the way of every load.
    """
    _, (phases, down, around), _, (SH, _), _, _ = window
    d, phase = d + down, phase + phases
    return (d - around, phase - SH) if phase >= SH else (d, phase)


@kernel
def lay_out(x, scratch, window, outside):
    """x (C, H, W) -> polyphase (C, KW, rows · OW + 16) in scratch; ``outside`` is what padding holds."""
    (deep, OW), _, KW, (SH, SW), DW, (top, left) = window
    C, H, W = x.shape
    size = SH * deep * OW + LANES
    polyphase = scratch[: C * KW * size].reshape((C, KW, size))
    polyphase[:] = outside
    for k in range(KW):
        q = k * DW - left  # the column that j = 0 meets
        first = min(OW, max(0, (-q + SW - 1) // SW))
        stop = max(first, min(OW, (W - q + SW - 1) // SW))
        for j in range(first, stop, LANES):
            for phase in range(SH):
                rows = max(0, (top - phase + SH - 1) // SH), min(deep, (H + top - phase + SH - 1) // SH)
                copy(x, polyphase, (phase - top, SH, *rows), (k, q + j * SW, SW), (phase * deep * OW + j, OW, stop - j))
    return polyphase


@kernel
def copy(x, polyphase, rows, columns, places):
    """Up to 16 columns of all channels and of all rows of a phase, so that nothing but the rows is counted inside."""
    (r, down, first, stop), (k, q, right), (p, OW, count) = rows, columns, places
    W = x.shape[2]
    u = min(q + LANES, W - 1)
    for c in range(x.shape[0]):
        for row in range(first, stop):
            if right == 1:
                v = load_masked(x, (c, r + row * down, q), count)
                store_masked(polyphase, (c, k, p + row * OW), v, count)
            elif right == 2:
                low = load_masked(x, (c, r + row * down, q), W - q)
                high = load_masked(x, (c, r + row * down, u), W - q - LANES)
                store_masked(polyphase, (c, k, p + row * OW), deinterleave(low, high), count)
            else:
                for j in range(min(count, LANES)):
                    polyphase[c, k, p + row * OW + j] = x[c, r + row * down, q + j * right]
