"""Sums of a convolution by the block: some output channels x some pixels (or weights), held in registers.

One accumulator waits for its last addition to finish; a dozen at once keep the multipliers busy, and each loaded pixel
serves all channels of the block, each weight all its pixels. Each sum still adds the formula's products in the
formula's order. Where blocks don't come out even, the last one begins earlier, and writes some numbers twice.

How large a block is (_sizes.py) is in the types: a block is a pair of tuples, such as ((0, 1, 2), (0, 1)) for three
channels x two pixels, and each size is compiled for itself.
"""

from __future__ import annotations

from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import LANES, add_products, begin, load_each, numbers, repeated, spaced, store_each, store_sums


@kernel
def correlate(x, w, b, y, plan, block):
    """Cross-correlate x (C, H, W) with w (O, C, KH, KW), adding b (O,), at the pixels of a grid of y.

    plan has grid (rows, columns, first row, row step, first column, column step), where in y results go; walk (first
    row, row step, first column), where their windows start in x; steps (column step, tap row step, tap column step) in
    x, or (1,) where all are 1; and inside (top, bottom, left, right), which rows and columns of x hold anything but
    padding zeros: taps that would meet only zeros are left out (where taps are side by side).
    """
    O, C, KH, KW = w.shape
    (rows, columns, y_row, y_down, y_column, y_right), walk, steps, (top, bottom, left, right) = plan
    x_row, x_down, x_column = walk
    x_right, DH, DW = known(steps)
    channels, pixels = block
    for i in range(rows):
        r = x_row + i * x_down
        a_first, a_stop = met(r, r, KH, DH, (top, bottom))
        for next_j in range(0, columns, len(pixels)):
            j = min(next_j, columns - len(pixels))
            q = x_column + j * x_right
            k_first, k_stop = met(q, q + (len(pixels) - 1) * x_right, KW, DW, (left, right))
            for next_o in range(0, O, len(channels)):
                os = spaced(min(next_o, O - len(channels)), 1, channels)
                s = begin(numbers(b, (os,)), pixels)
                for c in range(C):
                    for a in range(a_first, a_stop):
                        for k in range(k_first, k_stop):
                            pixel = load_each(x, (c, r + a * DH, spaced(q + k * DW, x_right, pixels)))
                            s = add_products(s, numbers(w, (os, c, a, k)), pixel)
                store_each(y, (os, y_row + i * y_down, spaced(y_column + j * y_right, y_right, pixels)), s)


@kernel
def known(steps):
    """All three steps; that they are 1 is in the type of (1,), so the compiler knows it: a tenth of the time."""
    if len(steps) == 1:
        return 1, 1, 1
    else:  # noqa: RET505 (Numba looks at only one of the two)
        return steps


@kernel
def met(first, last, size, step, inside):
    """Which of ``size`` taps meet something inside, of windows that start in rows (columns) ``first`` to ``last``."""
    if step != 1:  # a division here made the loop over taps up to 1.3 times slower
        return 0, size
    return max(0, inside[0] - last), min(size, inside[1] - first)


@kernel
def sum_products(x, dy, dw, stride, dilation, block):
    """Equation (4) on padded x, whose channels are those of one group.

    A block is some channels of dy x some taps side by side in a row of the kernel, or where that is 1 wide, the same
    tap in some channels of x.
    """
    O, C, KH, KW = dw.shape
    FH, FW = x.shape[1:3]
    channels, taps = block
    pixels, weights = x.reshape((C * FH * FW, LANES)), dw.reshape((O, C * KH * KW))
    in_row = KW > 1
    count, others = (KW, C) if in_row else (C, 1)
    x_step, w_step = (dilation[1], 1) if in_row else (FH * FW, KH)
    for next_o in range(0, O, len(channels)):
        os = spaced(min(next_o, O - len(channels)), 1, channels)
        for other in range(others):
            for a in range(KH):
                for next_t in range(0, count, len(taps)):
                    t = min(next_t, count - len(taps))
                    c, k = (other, t) if in_row else (t, 0)
                    first = (c * FH + a * dilation[0]) * FW + k * dilation[1]
                    s = begin(repeated(dw.dtype.type(0), channels), taps)
                    for i in range(dy.shape[1]):
                        for j in range(dy.shape[2]):
                            p = first + i * stride[0] * FW + j * stride[1]
                            s = add_products(
                                s, load_each(dy, (os, i, j)), load_each(pixels, (spaced(p, x_step, taps),))
                            )
                    store_sums(weights, (os, spaced((c * KH + a) * KW + k, w_step, taps)), s)
