"""Register blocks of a convolution: sums for several output channels and pixels (or weights) at once.

One accumulator waits for its last addition to finish; a dozen at once keep the multipliers busy, and each loaded pixel
serves all channels of the block, each weight all its pixels. Each sum still adds the formula's products in the
formula's order; a long one in parts, which block_sums.py calls blocks of terms. Where blocks don't come out even, the
last one begins earlier, and writes some numbers twice.

How large a block is (_sizes.py) is in the types: a block is a pair of tuples, such as ((0, 1, 2), (0, 1)) for three
channels x two pixels, and each size is compiled for itself. A third tuple says that all taps in a row of the kernel
are taken at once, and each pixel that they meet is loaded once: LeNet takes 0.91 to 0.97 of the time so.

Where a register holds 8 numbers, sums over pixels are made for images 0 to 7 first, then for 8 to 15: half as many
registers for each sum leave room for twice as many.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import (
    LANES,
    add_products,
    add_sums,
    add_windows,
    load_block,
    load_each,
    prefetch,
    repeated,
    scalars,
    start_sums,
    store_each,
    store_sums,
    strided,
)
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes


@kernel
def correlate(x, w, b, y, plan, block):
    """Cross-correlate x (C, H, W) with w (O, C, KH, KW), adding b (O,), at the pixels of a grid of y.

    plan has grid (rows, columns, first row, row step, first column, column step), where in y results go; walk (first
    row, row step, first column), where their windows start in x; steps (column step, tap row step, tap column step) in
    x, or (1,) where all are 1; inside (top, bottom, left, right), which rows and columns of x hold anything but
    padding zeros: taps that would meet only zeros are left out (where taps are side by side); and share (rows, columns
    of the formula's kernel, first row, row step, first column, column step), which of its taps w holds.
    """
    O, C, KH, KW = w.shape
    (rows, columns, y_row, y_down, y_column, y_right), walk, steps, (top, bottom, left, right), share = plan
    x_row, x_down, x_column = walk
    x_right, DH, DW = known(steps)
    channels, pixels = block[:2]
    terms = (C, share[0], share[1])
    parts = block_sizes(terms)
    count = block_count(terms, parts)
    zeros = repeated(w.dtype.type(0), channels)
    for i in range(rows):
        r = x_row + i * x_down
        a_first, a_stop = met(r, r, KH, DH, (top, bottom))
        for next_j in range(0, columns, len(pixels)):
            j = min(next_j, columns - len(pixels))
            q = x_column + j * x_right
            k_first, k_stop = met(q, q + (len(pixels) - 1) * x_right, KW, DW, (left, right))
            for next_o in range(0, O, len(channels)):
                os = strided(min(next_o, O - len(channels)), 1, channels)
                at = os, r, q, pixels
                s = total = start_sums(scalars(b, (os,)), pixels)
                if count == 1:  # apart, for the loop below made the sums of LeNet a tenth to a quarter slower
                    taps = (0, C), (a_first, a_stop), (k_first, k_stop)
                    if len(block) == 3:
                        if k_first == 0 and k_stop == KW:  # here, for a call would put all sums into memory and back
                            for c in range(C):
                                for a in range(a_first, a_stop):
                                    row = load_each(x, (c, r + a, strided(q, 1, together(pixels, block[2]))))
                                    s = add_windows(s, scalars(w, (os, c, a, strided(0, 1, block[2]))), row)
                            total = s
                        else:
                            total = add_taps(s, x, w, at, taps, steps)
                    else:
                        total = add_taps(s, x, w, at, taps, steps)
                else:
                    for n in range(count):
                        cs, (a0, a1), (k0, k1) = held(n, terms, parts, share)
                        taps = cs, (max(a0, a_first), min(a1, a_stop)), (max(k0, k_first), min(k1, k_stop))
                        s = add_taps(s, x, w, at, taps, steps)
                        s, total = start_sums(zeros, pixels), s if n == 0 else add_sums(total, s)
                store_each(y, (os, y_row + i * y_down, strided(y_column + j * y_right, y_right, pixels)), total)


@kernel
def correlate_rows(x, w, b, y, plan, pixels):
    """``correlate`` for one channel of x and kernels three wide, all steps 1: a row of pixels is loaded once for all
    three taps that meet it. ``pixels`` has the block's, and the two beside them.

    x: the channel, and that which comes next, fetched meanwhile, for memory is what takes the time here.
    """
    x, ahead = x
    H, W = ahead.shape[1:3]
    (rows, columns, y_row, _, y_column, _), (x_row, x_down, x_column), _, (top, bottom, _, _), _ = plan
    block, (O, KH) = pixels[2:], (w.shape[0], w.shape[2])
    for o in range(O):
        for i in range(rows):
            r = x_row + i * x_down
            a_first, a_stop = met(r, r, KH, 1, (top, bottom))
            for next_j in range(0, columns, len(block)):
                j = min(next_j, columns - len(block))
                s = start_sums((b[o],), block)
                for a in range(a_first, a_stop):
                    row = load_each(x, (0, r + a, strided(x_column + j, 1, pixels)))
                    s = add_products(s, (w[o, 0, a, 0],), row[:-2])
                    s = add_products(s, (w[o, 0, a, 1],), row[1:-1])
                    s = add_products(s, (w[o, 0, a, 2],), row[2:])
                prefetch(y, (o, min(i + 1, rows - 1), strided(j, 1, block)))
                if o == 0 and i < H and j + len(block) <= W:
                    prefetch(ahead, (0, i, strided(j, 1, block)))
                store_each(y, ((o,), y_row + i, strided(y_column + j, 1, block)), s)


@kernel
def known(steps):
    """All three steps; that they are 1 is in the type of (1,), so the compiler knows it: a tenth of the time."""
    if len(steps) == 1:
        return 1, 1, 1
    else:  # noqa: RET505 (Numba looks at only one of the two)
        return steps


@kernel
def add_taps(s, x, w, at, taps, steps):
    """The block of sums s with the products of some taps (channels, rows, columns) added: equation (1).

    at: the channels of y, row and column where the first window begins in x, and the block's pixels.
    """
    os, r, q, pixels = at
    (c0, c1), (a0, a1), (k0, k1) = taps
    x_right, DH, DW = known(steps)
    for c in range(c0, c1):
        for a in range(a0, a1):
            for k in range(k0, k1):
                pixel = load_each(x, (c, r + a * DH, strided(q + k * DW, x_right, pixels)))
                s = add_products(s, scalars(w, (os, c, a, k)), pixel)
    return s


@kernel
def together(pixels, taps):
    """A number for each pixel that taps side by side meet, of pixels side by side: for its length, not its values."""
    return (*pixels, *taps[1:])


@kernel
def held(n, terms, parts, share):
    """Part n of a sum: its channels, and which rows and columns of the taps that are held are its; see correlate."""
    cs, (a0, a1), (k0, k1) = block_at(n, terms, parts)
    _, _, a, a_step, k, k_step = share
    if a_step == 1 and k_step == 1:
        return cs, (a0 - a, a1 - a), (k0 - k, k1 - k)
    return cs, (-((a - a0) // a_step), -((a - a1) // a_step)), (-((k - k0) // k_step), -((k - k1) // k_step))


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
    tap in some channels of x; and the first image of each part of a pack that is summed at once, (0,) or (0, 8). A
    fourth tuple says that some pixels of a row are taken at once.
    """
    O, C, KH, KW = dw.shape
    FH, FW = x.shape[1:3]
    channels, taps, halves = block[:3]
    images = images_of(halves)
    pixels, weights = x.reshape((C * FH * FW, LANES)), dw.reshape((O, C * KH * KW))
    in_row = KW > 1
    count, others = (KW, C) if in_row else (C, 1)
    x_step, w_step = (dilation[1], 1) if in_row else (FH * FW, KH)
    apart = stride[0] * FW, stride[1]
    terms = (1, dy.shape[1], dy.shape[2])
    parts = block_sizes(terms)
    part_count = block_count(terms, parts)
    zeros = repeated(dw.dtype.type(0), channels)
    for next_o in range(0, O, len(channels)):
        os = strided(min(next_o, O - len(channels)), 1, channels)
        for other in range(others):
            for a in range(KH):
                for next_t in range(0, count, len(taps)):
                    t = min(next_t, count - len(taps))
                    c, k = (other, t) if in_row else (t, 0)
                    first = (c * FH + a * dilation[0]) * FW + k * dilation[1]
                    both = start_sums(zeros, taps, images)
                    for image in range(0, LANES, len(images)):  # over ``halves``, LLVM counts nine addresses for one
                        at = os, first, x_step, apart, strided(image, 1, images)
                        s = total = start_sums(zeros, taps, images)
                        if part_count == 1:
                            total = add_pixels(s, pixels, dy, at, ((0, dy.shape[1]), (0, dy.shape[2])), block)
                        else:
                            for n in range(part_count):
                                s = add_pixels(s, pixels, dy, at, block_at(n, terms, parts)[1:], block)
                                s, total = start_sums(zeros, taps, images), s if n == 0 else add_sums(total, s)
                        both = total if image == 0 else add_sums(both, total)  # what lane_sum begins with
                    store_sums(weights, (os, strided((c * KH + a) * KW + k, w_step, taps)), both)


@kernel
def images_of(parts):
    """The images of the first part of a pack, of which there are one or two."""
    if len(parts) == 1:
        return 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    else:  # noqa: RET505 (Numba looks at only one of the two)
        return 0, 1, 2, 3, 4, 5, 6, 7


@kernel
def add_pixels(s, x, dy, at, part, block):
    """The block of sums s with the products of some pixels (rows, columns) of dy added: equation (4).

    at: channels of dy; in x (pixels, 16) the one that pixel (0, 0) meets at the block's first tap, how far apart the
    pixels are that the block's taps meet, how far it is from a row of dy to the next and from a column, and the images.
    """
    os, first, x_step, apart, images = at
    (i0, i1), (j0, j1) = part
    if len(block) == 4 and (j1 - j0) % len(block[3]) == 0:
        return add_runs(s, x, dy, at, part, block)
    for i in range(i0, i1):
        for j in range(j0, j1):
            met = load_each(x, (strided(first + i * apart[0] + j * apart[1], x_step, block[1]),), images)
            s = add_products(s, load_each(dy, (os, i, j), images), met)
    return s


@kernel
def add_runs(s, x, dy, at, part, block):
    """``add_pixels`` where taps and pixels are side by side in x: some pixels at once, for which it is loaded once."""
    os, first, _, apart, images = at
    (i0, i1), (j0, j1) = part
    run = block[3]
    for i in range(i0, i1):
        for j in range(j0, j1, len(run)):
            met = load_each(x, (strided(first + i * apart[0] + j, 1, together(block[1], run)),), images)
            s = add_windows(s, load_block(dy, (os, i, strided(j, 1, run)), images), met)
    return s
