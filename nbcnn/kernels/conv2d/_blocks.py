"""Sums of a convolution eight at a time: 2 output channels x 4 pixels (or weights), held in registers.

One accumulator waits for its last addition to finish; eight at once keep the multipliers busy, and each loaded pixel
and weight serves several sums. Sizes that are no multiple of the block repeat their last channel or pixel, which writes
the same number twice.
"""

from __future__ import annotations

from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store


@kernel
def dealt(q, hands, size):
    """Where row (column) q lies in a frame of ``size`` that are dealt out to ``hands``, one after the other."""
    return q if hands == 1 else q % hands * (size // hands) + q // hands


@kernel
def correlate(x, w, b, y, grid, way):
    """Cross-correlate x (C, H, W) with w (O, C, KH, KW), adding b (O,), at the pixels of a grid of y.

    grid (rows, columns, first row, row step, first column, column step) says where in y results go; way is walk (first
    row, row step, tap row step, first column, column step, tap column step), where their windows start in x and how far
    apart their taps are, and inside (top, bottom, left, right), which rows and columns of x hold anything but padding
    zeros: taps that would meet only zeros are left out (where taps are side by side).

    Where taps are not side by side, the rows and columns of x lie as ``pad`` deals them out, so that the taps of a
    window are neighbours all the same: with steps that the compiler does not know, the loop over taps was up to 1.3
    times slower.
    """
    O, C, KH, KW = w.shape
    rows, columns, y_row, y_down, y_column, y_right = grid
    (x_row, x_down, DH, x_column, x_right, DW), inside = way
    top, bottom, left, right = inside if DH == DW == 1 else (0, x.shape[1], 0, x.shape[2])
    FH, FW = x.shape[1:3]
    # Blocks that stay within a row meet fewer of the zeros around x; without zeros, rows may as well run together.
    framed = top > 0 or left > 0 or bottom < FH or right < FW
    run = columns if framed else rows * columns
    for first in range(0, rows * columns, run):
        last = first + run - 1
        for p in range(first, first + run, 4):
            i0, j0 = divmod(p, columns)
            i1, j1 = divmod(min(p + 1, last), columns)
            i2, j2 = divmod(min(p + 2, last), columns)
            i3, j3 = divmod(min(p + 3, last), columns)
            r0, q0 = x_row + i0 * x_down, x_column + j0 * x_right
            r1, q1 = x_row + i1 * x_down, x_column + j1 * x_right
            r2, q2 = x_row + i2 * x_down, x_column + j2 * x_right
            r3, q3 = x_row + i3 * x_down, x_column + j3 * x_right
            a_first, a_stop = max(0, top - r3), min(KH, bottom - r0)
            k_first = max(0, left - max(q0, q1, q2, q3))
            k_stop = min(KW, right - min(q0, q1, q2, q3))
            v0, v1, v2, v3 = dealt(r0, DH, FH), dealt(r1, DH, FH), dealt(r2, DH, FH), dealt(r3, DH, FH)
            z0, z1, z2, z3 = dealt(q0, DW, FW), dealt(q1, DW, FW), dealt(q2, DW, FW), dealt(q3, DW, FW)
            for o in range(0, O, 2):
                u = min(o + 1, O - 1)
                s0 = s1 = s2 = s3 = splat(b[o])
                t0 = t1 = t2 = t3 = splat(b[u])
                for c in range(C):
                    for a in range(a_first, a_stop):
                        for k in range(k_first, k_stop):
                            x0 = load(x, (c, v0 + a, z0 + k))
                            x1 = load(x, (c, v1 + a, z1 + k))
                            x2 = load(x, (c, v2 + a, z2 + k))
                            x3 = load(x, (c, v3 + a, z3 + k))
                            wo = w[o, c, a, k]
                            wu = w[u, c, a, k]
                            s0 += x0 * wo
                            s1 += x1 * wo
                            s2 += x2 * wo
                            s3 += x3 * wo
                            t0 += x0 * wu
                            t1 += x1 * wu
                            t2 += x2 * wu
                            t3 += x3 * wu
                i0_, j0_ = y_row + i0 * y_down, y_column + j0 * y_right
                i1_, j1_ = y_row + i1 * y_down, y_column + j1 * y_right
                i2_, j2_ = y_row + i2 * y_down, y_column + j2 * y_right
                i3_, j3_ = y_row + i3 * y_down, y_column + j3 * y_right
                store(y, (o, i0_, j0_), s0)
                store(y, (o, i1_, j1_), s1)
                store(y, (o, i2_, j2_), s2)
                store(y, (o, i3_, j3_), s3)
                store(y, (u, i0_, j0_), t0)
                store(y, (u, i1_, j1_), t1)
                store(y, (u, i2_, j2_), t2)
                store(y, (u, i3_, j3_), t3)


@kernel
def sum_products(x, dy, dw, stride, dilation):
    """Equation (4) on padded x, whose channels are those of one group."""
    O, C, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    flat = dw.reshape((O, C * KH * KW))
    zero = splat(dw.dtype.type(0))
    last = C * KH * KW - 1
    for p in range(0, last + 1, 4):
        p0, p1, p2, p3 = p, min(p + 1, last), min(p + 2, last), min(p + 3, last)
        c0, a0, k0 = _tap(p0, dw.shape, dilation)
        c1, a1, k1 = _tap(p1, dw.shape, dilation)
        c2, a2, k2 = _tap(p2, dw.shape, dilation)
        c3, a3, k3 = _tap(p3, dw.shape, dilation)
        for o in range(0, O, 2):
            u = min(o + 1, O - 1)
            s0 = s1 = s2 = s3 = t0 = t1 = t2 = t3 = zero
            for i in range(OH):
                for j in range(OW):
                    do = load(dy, (o, i, j))
                    du = load(dy, (u, i, j))
                    r, q = i * stride[0], j * stride[1]
                    x0 = load(x, (c0, r + a0, q + k0))
                    x1 = load(x, (c1, r + a1, q + k1))
                    x2 = load(x, (c2, r + a2, q + k2))
                    x3 = load(x, (c3, r + a3, q + k3))
                    s0 += x0 * do
                    s1 += x1 * do
                    s2 += x2 * do
                    s3 += x3 * do
                    t0 += x0 * du
                    t1 += x1 * du
                    t2 += x2 * du
                    t3 += x3 * du
            flat[o, p0] = lane_sum(s0)
            flat[o, p1] = lane_sum(s1)
            flat[o, p2] = lane_sum(s2)
            flat[o, p3] = lane_sum(s3)
            flat[u, p0] = lane_sum(t0)
            flat[u, p1] = lane_sum(t1)
            flat[u, p2] = lane_sum(t2)
            flat[u, p3] = lane_sum(t3)


@kernel
def _tap(p, shape, dilation):
    """Channel of the p-th weight of an output channel, and how many rows and columns its tap is from the window's."""
    ck, k = divmod(p, shape[3])
    c, a = divmod(ck, shape[2])
    return c, a * dilation[0], k * dilation[1]
