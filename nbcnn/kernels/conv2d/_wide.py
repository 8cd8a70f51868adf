"""Convolution with many channels, forward and gradient of the input: blocked matrix products, the bits of ``naive``.

With many channels the weights of a layer are more than a core's nearest cache holds, and blocks that read them anew for
each few pixels wait for memory. So channels are taken a few at a time: their weights are laid side by side once, and
of a few pixels all numbers that their windows meet (a column of them each, as im2col's); then all output channels'
sums of these pixels go on by these terms. What a core reads from far is little, and all of it in a row.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.conv2d._shared import phase
from nbcnn.kernels.conv2d._wide_products import (
    add_all,
    add_panel,
    finish_panel,
    panels_of,
    put_rows,
    room,
    transpose,
)
from nbcnn.kernels.conv2d._wide_sizes import PANEL
from nbcnn.lanes import LANES, load, load_each, splat, start_sums, store, store_each, strided
from nbcnn.lanes.block_sums import block_sizes


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW); attributes: stride, dilation, top and left padding,
    terms at a time, block"""
    (SH, SW), (DH, DW), (top, left), together, block = attributes
    CG = w.shape[1]
    OG = w.shape[0] * CG // x.shape[0]
    KH, KW = w.shape[2:]
    if KH * KW * SH * SW == 1 and top == 0 and left == 0 and x.shape[1:3] == y.shape[1:3]:
        x, y = in_a_row(x), in_a_row(y)
    grid = y.shape[1], y.shape[2], 0, 1, 0, 1
    walk = -top, SH, DH, -left, SW, DW
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        plan = grid, walk, (False, (KH, 0, 1), (KW, 0, 1)), together, block
        correlate(x[c : c + CG], w[o : o + OG], b[o : o + OG], y[o : o + OG], scratch, plan)


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW), w (O, C/G, KH, KW) -> dx (C, H, W), phase by phase, as direct's; attributes as forward's"""
    stride, dilation, (top, left), together, block = attributes
    if (
        w.shape[2] * w.shape[3] * stride[0] * stride[1] == 1
        and top == 0
        and left == 0
        and dx.shape[1:3] == dy.shape[1:3]
    ):
        dy, dx = in_a_row(dy), in_a_row(dx)
    C, H, W = dx.shape[:3]
    O, CG, KH, KW = w.shape
    OG = O * CG // C
    zeros, scratch = scratch[:CG], scratch[CG:]
    zeros[:] = 0
    for g in range(C // CG):
        o, c = g * OG, g * CG
        for row in range(min(stride[0], H)):
            a0, a_step, KHp, i0 = phase(row + top, KH, stride[0], dilation[0])
            for column in range(min(stride[1], W)):
                k0, k_step, KWp, j0 = phase(column + left, KW, stride[1], dilation[1])
                down, right = (H - row + stride[0] - 1) // stride[0], (W - column + stride[1] - 1) // stride[1]
                grid = down, right, row, stride[0], column, stride[1]
                walk = i0, 1, a_step * dilation[0] // stride[0], j0, 1, k_step * dilation[1] // stride[1]
                # The formula takes its taps from the last on.
                held = (
                    True,
                    (KHp, a0 + (KHp - 1) * a_step, -a_step),
                    (KWp, k0 + (KWp - 1) * k_step, -k_step),
                )
                plan = grid, walk, held, together, block
                correlate(dy[o : o + OG], w[o : o + OG], zeros, dx[c : c + CG], scratch, plan)


@kernel
def in_a_row(x):
    """(C, H, W) as (C, 1, H · W)"""
    return x.reshape((x.shape[0], 1, x.shape[1] * x.shape[2], x.shape[3]))


@kernel
def correlate(x, w, b, y, scratch, plan):
    """y (O, rows, columns) of x (C, H, W) and w (O, C, KH, KW), or turned w (C, O, KH, KW), at the pixels of a grid.

    plan: grid (rows, columns, first row, row step, first column, column step) of y; walk, the row of x that the first
    tap of the first row meets, how far it is to that of the next row, and from a tap to the next, likewise columns;
    held, whether w is turned, and which of its taps are met: their number, the first and the step, of rows and of
    columns; together, how many terms of a sum, and how many panels of pixels are taken at a time; block.
    """
    grid, walk, held, (terms, batch), block = plan
    rows, columns = block
    C, O, P, T = x.shape[0], y.shape[0], grid[0] * grid[1], held[1][0] * held[2][0]
    m, n = len(rows), len(columns)
    if T == 0:  # pixels of dx that the windows step over
        for o in range(O):
            for i in range(grid[0]):
                for j in range(grid[1]):
                    store(y, (o, grid[2] + i * grid[3], grid[4] + j * grid[5]), splat(b[o]))
        return
    padded, panels = (O + m - 1) // m * m, (P + n - 1) // n
    part = block_sizes((C, w.shape[2], w.shape[3]))[0]
    deep = max(1, terms // T)
    starts, scratch = scratch[:padded], scratch[padded:]
    numbers, scratch = panels_of(scratch, O, min(deep, C) * T)
    most = min(deep, C) * T
    lanes, scratch = room(scratch, batch * most, n)
    total, scratch = room(scratch, panels * padded, n)
    sums = total
    if C > part:
        sums, _ = room(scratch, panels * padded, n)
    starts[:] = 0
    starts[:O] = b
    flat = y.reshape((O, y.shape[1] * y.shape[2], LANES))
    across, start = grid[1], grid[2] * y.shape[2] + grid[4]
    down, right = grid[3] * y.shape[2], grid[5]
    for first in range(0, C, part):
        stop = min(first + part, C)
        into = total if first == 0 else sums
        for c in range(first, stop, deep):
            some = min(deep, stop - c)
            pack(w, numbers, held, c, some)
            begins, finishes = c == first, C <= part and c + some == stop
            for next_panel in range(0, panels, batch):
                count = min(batch, panels - next_panel)
                gather(x, lanes, (c, some, next_panel * n, P, across, count, most), walk, held, columns)
                for o in range(0, padded, PANEL):
                    o_stop = min(o + PANEL, padded)
                    for panel in range(count):
                        arrays = numbers, lanes[panel * most :], starts, into
                        place = o, o_stop, (next_panel + panel) * padded
                        if finishes:
                            pixels = (next_panel + panel) * n, across, P, start, down, right
                            finish_panel(arrays, place, (0, some * T), begins, (flat, pixels), block)
                        else:
                            add_panel(arrays, place, (0, some * T), begins, (0, 0), block)
        if first == 0:
            starts[:] = 0
        else:
            add_all(total, sums)
    if C > part:
        for panel in range(panels):
            pixels = panel * n, across, P, start, down, right
            put_rows(total, flat, (panel * padded, 0, O), pixels)


@kernel
def pack(w, numbers, held, c, some):
    """The weights of ``some`` channels of x from c on to panels (panels, channels · taps, 48)."""
    turned, (KH, a0, a_step), (KW, k0, k_step) = held
    T = KH * KW
    whole = T == w.shape[2] * w.shape[3]
    if not turned and whole:
        transpose(w.reshape((w.shape[0], w.shape[1] * T)), numbers, c * T, some * T)
        return
    O = w.shape[1] if turned else w.shape[0]
    for row in range(some * T):
        channel, t = c + row // T, row % T
        a, k = a0 + t // KW * a_step, k0 + t % KW * k_step
        for panel in range(numbers.shape[0]):
            first = panel * PANEL
            for l in range(min(PANEL, O - first)):
                numbers[panel, row, l] = w[channel, first + l, a, k] if turned else w[first + l, channel, a, k]


@kernel
def gather(x, lanes, which, walk, held, columns):
    """What the windows of some pixels meet, to lanes (panels · terms, pixels): zeros where that is padding.

    which: the first channel, how many, the first pixel, how many pixels there are, and in a row, how many panels of
    them are wanted, how far these lie apart.
    """
    c, some, first, P, across, panels, apart = which
    r0, down, to_row, q0, right, to_column = walk
    KH, KW = held[1][0], held[2][0]
    H, W, n, T = x.shape[1], x.shape[2], len(columns), KH * KW
    flat = x.reshape((x.shape[0], H * W, LANES))
    zero = splat(x.dtype.type(0))
    i, j = first // across, first % across
    q = q0 + j * right
    last = q + (panels * n - 1) * right + (KW - 1) * to_column
    if j + panels * n <= across and 0 <= q and last < W:  # all in a row, inside of it
        for a in range(KH):
            r = r0 + i * down + a * to_row
            for k in range(KW):
                t, place = a * KW + k, r * W + q + k * to_column
                for channel in range(some):
                    for panel in range(panels):
                        to = panel * apart + channel * T + t
                        if 0 <= r < H:
                            at = strided(place + panel * n * right, right, columns)
                            store_each(lanes, ((to,), columns), (load_each(flat, (c + channel, at)),))
                        else:
                            store_each(lanes, ((to,), columns), start_sums((x.dtype.type(0),), columns))
        return
    for l in range(panels * n):
        to, column = l // n * apart, l % n
        for a in range(KH):
            r = r0 + i * down + a * to_row
            for k in range(KW):
                t, q = to + a * KW + k, q0 + j * right + k * to_column
                if 0 <= r < H and 0 <= q < W:
                    place = r * W + q
                    for channel in range(some):
                        store(lanes, (channel * T + t, column), load(flat, (c + channel, place)))
                else:
                    for channel in range(some):
                        store(lanes, (channel * T + t, column), zero)
        if first + l < P - 1:
            j += 1
            if j == across:
                i, j = i + 1, 0
