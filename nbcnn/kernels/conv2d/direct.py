"""The formula's sums in the formula's order, blocked to stay in registers: the same bits as ``naive``, faster.

One accumulator waits for its last addition to finish; eight at once (2 output channels x 4 output pixels) keep the
multipliers busy, and each loaded pixel and weight serves several sums: LeNet's forward at 79 and 99 GFLOP/s against 29
(one core, tests/benchmarks/kernels.py).
Sizes that are no multiple of the block repeat their last channel or pixel, which writes the same number twice.
"""

from __future__ import annotations

from nbcnn.kernels.contract import LANES, Conv2dProblem, Fixed, WeightedKernels
from nbcnn.kernels.conv2d._shared import bias_gradient, pad, undilated_ungrouped
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store
from nbcnn.kernels.registry import register


@kernel
def correlate(x, w, b, y, grid, walk):
    """Cross-correlate x (C, H, W) with w (O, C, KH, KW), adding b (O,), at the pixels of a grid of y.

    grid (rows, columns, first row, row step, first column, column step) says where in y results go; walk (first row,
    row step, first column, column step, top, bottom, left, right) where their windows start in x, and which rows and
    columns of x hold anything but padding zeros: taps that would meet only zeros are left out.
    """
    O, C, KH, KW = w.shape
    rows, columns, y_row, y_down, y_column, y_right = grid
    x_row, x_down, x_column, x_right, top, bottom, left, right = walk
    # Blocks that stay within a row meet fewer of the zeros around x; without zeros, rows may as well run together.
    framed = top > 0 or left > 0 or bottom < x.shape[1] or right < x.shape[2]
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
            for o in range(0, O, 2):
                u = min(o + 1, O - 1)
                s0 = s1 = s2 = s3 = splat(b[o])
                t0 = t1 = t2 = t3 = splat(b[u])
                for c in range(C):
                    for a in range(a_first, a_stop):
                        for k in range(k_first, k_stop):
                            x0 = load(x, (c, r0 + a, q0 + k))
                            x1 = load(x, (c, r1 + a, q1 + k))
                            x2 = load(x, (c, r2 + a, q2 + k))
                            x3 = load(x, (c, r3 + a, q3 + k))
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
def forward(x, w, b, y, work, numbers):
    """x (C, H, W), w (O, C, KH, KW), b (O,) -> y (O, OH, OW); numbers: stride and padding as Conv2dProblem has them."""
    (down, right), (top, bottom, left, right_side) = numbers
    C, H, W = x.shape[:3]
    OH, OW = y.shape[1:3]
    grid = (OH, OW, 0, 1, 0, 1)
    if top + bottom + left + right_side == 0:
        correlate(x, w, b, y, grid, (0, down, 0, right, 0, H, 0, W))
    else:
        shape = (C, H + top + bottom, W + left + right_side, x.shape[3])
        frame = work[: shape[0] * shape[1] * shape[2] * shape[3]].reshape(shape)
        pad(x, frame, top, left)
        correlate(frame, w, b, y, grid, (0, down, 0, right, top, top + H, left, left + W))


@kernel
def grad_input(dy, w, dx, work, numbers):
    """dy (O, OH, OW), w (O, C, KH, KW) -> dx (C, H, W): a cross-correlation of dy with the weights turned around.

    With strides (SH, SW), pixel (r, q) of x meets only every SH-th row and SW-th column of the kernel, which ones
    depends on its phase (r + top) mod SH, (q + left) mod SW. So each phase is a plain cross-correlation with its share
    of the kernel, and no zero is ever multiplied for the stride's sake.
    """
    (SH, SW), (top, _, left, _) = numbers
    C, H, W = dx.shape[:3]
    O, _, KH, KW = w.shape
    OH, OW = dy.shape[1:3]
    FH, FW = _frame_size(KH, SH, H, top, OH), _frame_size(KW, SW, W, left, OW)
    above, before = (KH - 1) // SH, (KW - 1) // SW
    size = O * FH * FW * dy.shape[3]
    frame = work[:size].reshape((O, FH, FW, dy.shape[3]))
    pad(dy, frame, above, before)
    turned = work[size : size + C * O * KH * KW]
    zeros = work[size + C * O * KH * KW : size + C * O * KH * KW + C]
    zeros[:] = 0
    for row in range(min(SH, H)):
        base_row, a0 = divmod(row + top, SH)
        KHp = max(0, (KH - a0 + SH - 1) // SH)
        for column in range(min(SW, W)):
            base_column, k0 = divmod(column + left, SW)
            KWp = max(0, (KW - k0 + SW - 1) // SW)
            share = turned[: C * O * KHp * KWp].reshape((C, O, KHp, KWp))
            for c in range(C):
                for o in range(O):
                    for a in range(KHp):
                        for k in range(KWp):
                            share[c, o, a, k] = w[o, c, a0 + (KHp - 1 - a) * SH, k0 + (KWp - 1 - k) * SW]
            grid = ((H - row + SH - 1) // SH, (W - column + SW - 1) // SW, row, SH, column, SW)
            first_row, first_column = above + base_row - KHp + 1, before + base_column - KWp + 1
            walk = (first_row, 1, first_column, 1, above, above + OH, before, before + OW)
            correlate(frame, share, zeros, dx, grid, walk)  # equation (3)


@kernel
def _frame_size(kernel_size, stride, size, before, out_size):
    """Rows (columns) of dy with the zeros around it that grad_input's windows may touch."""
    return (kernel_size - 1) // stride + max(out_size, (size - 1 + before) // stride + 1)


@kernel
def grad_weight(x, dy, dw, db, work, numbers):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C, KH, KW), db (O,), summed over the 16 images"""
    stride, (top, bottom, left, right) = numbers
    C, H, W = x.shape[:3]
    if top + bottom + left + right == 0:
        sum_products(x, dy, dw, stride)
    else:
        shape = (C, H + top + bottom, W + left + right, x.shape[3])
        frame = work[: shape[0] * shape[1] * shape[2] * shape[3]].reshape(shape)
        pad(x, frame, top, left)
        sum_products(frame, dy, dw, stride)
    bias_gradient(dy, db)


@kernel
def sum_products(x, dy, dw, stride):
    """Equation (4) on padded x: 2 output channels x 4 weights of each in registers."""
    O, C, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    zero = splat(dw.dtype.type(0))
    last = C * KH * KW - 1
    for p in range(0, last + 1, 4):
        c0, a0, k0 = _unravel(p, KH, KW)
        c1, a1, k1 = _unravel(min(p + 1, last), KH, KW)
        c2, a2, k2 = _unravel(min(p + 2, last), KH, KW)
        c3, a3, k3 = _unravel(min(p + 3, last), KH, KW)
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
            dw[o, c0, a0, k0] = lane_sum(s0)
            dw[o, c1, a1, k1] = lane_sum(s1)
            dw[o, c2, a2, k2] = lane_sum(s2)
            dw[o, c3, a3, k3] = lane_sum(s3)
            dw[u, c0, a0, k0] = lane_sum(t0)
            dw[u, c1, a1, k1] = lane_sum(t1)
            dw[u, c2, a2, k2] = lane_sum(t2)
            dw[u, c3, a3, k3] = lane_sum(t3)


@kernel
def _unravel(p, KH, KW):
    """The channel, row and column of the p-th weight of an output channel."""
    ck, k = divmod(p, KW)
    c, a = divmod(ck, KH)
    return c, a, k


@register("conv2d")
class Direct:
    """naive's sums and bits, 2 channels x 4 pixels in registers"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """Stride and padding of any size; not yet dilation or groups."""
        return undilated_ungrouped(problem)

    def workspace(self, problem: Conv2dProblem) -> int:
        """A padded copy of x, or of dy with the turned weights and a row of zeros."""
        (C, H, W), (O, OH, OW), (KH, KW) = problem.x_shape, problem.y_shape, problem.kernel_size
        (SH, SW), (top, bottom, left, right) = problem.stride, problem.padding
        framed_x = C * (H + top + bottom) * (W + left + right) * LANES
        rows = (KH - 1) // SH + max(OH, (H - 1 + top) // SH + 1)
        columns = (KW - 1) // SW + max(OW, (W - 1 + left) // SW + 1)
        return max(framed_x, O * rows * columns * LANES + C * O * KH * KW + C)

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind stride and padding."""
        numbers = (problem.stride, problem.padding)
        return WeightedKernels(Fixed(forward, numbers), Fixed(grad_input, numbers), Fixed(grad_weight, numbers))
