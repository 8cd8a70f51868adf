"""``direct`` for depthwise convolution (groups = channels): stride 2 with 3-wide kernels, and dw of 3×3 kernels.

The sums and bits of _blocks.py, for one channel of x (backward: of dy), whose numbers meet few weights each.

How many taps a sum has in a row of the kernel is known to the compiler here: with a column stride of 2 three for y; for
x one in every other column, and two between. The gradient of the weights makes all nine sums of a 3×3 kernel in one
pass over the channel, and that of the bias.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import KernelWithAttributes, WeightedKernels
from nbcnn.kernels.conv2d._blocks import images_of
from nbcnn.kernels.conv2d._shared import pad
from nbcnn.kernels.conv2d._sizes import input_margins, row_block
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.register_blocks import parts, sums
from nbcnn.lanes import LANES, add_products, add_sums, load_each, prefetch, start_sums, store_each, store_sums, strided
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, 1, KH, 3), b (O,) -> y (O, OH, OW): equation (1) with a column stride of 2; attributes: row
    stride, padding of four sides, and a number for each pixel of a block and two more"""
    SH, (T, _, L, R), pixels = attributes
    block = pixels[2:]
    (C, H, W), (O, OH, OW), KH = x.shape[:3], y.shape[:3], w.shape[2]
    frame = framed(scratch, H, L + W + R)
    for o in range(O):
        c = o * C // O
        if o % (O // C) == 0:
            pad(x[c : c + 1], frame, 0, L)
        for i in range(OH):
            first = i * SH - T
            for next_j in range(0, OW, len(block)):
                j = min(next_j, OW - len(block))
                s = start_sums((b[o],), block)
                for a in range(max(0, -first), min(KH, H - first)):
                    even = load_each(frame, (0, first + a, strided(2 * j, 2, pixels[1:])))
                    odd = load_each(frame, (0, first + a, strided(2 * j + 1, 2, block)))
                    s = add_products(s, (w[o, 0, a, 0],), even[:-1])
                    s = add_products(s, (w[o, 0, a, 1],), odd)
                    s = add_products(s, (w[o, 0, a, 2],), even[1:])
                store_each(y, ((o,), i, strided(j, 1, block)), s)


@kernel
def framed(scratch, rows, columns):
    """The beginning of scratch as one channel."""
    return scratch[: rows * columns * LANES].reshape((1, rows, columns, LANES))


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW), w (O, C/O, KH, 3) -> dx (C, H, W): equation (3) with a column stride of 2; attributes: row
    stride, padding above and on the left, zeros that are written left and right of dy, and a number for each pixel of
    a block and two more

    Column q of x meets the middle column of the kernel where q and the padding on the left add up to an odd number,
    else the other two.
    """
    SH, (T, L), (before, after), pixels = attributes
    block = pixels[2:]
    (C, H, W), (O, OH, OW), KH = dx.shape[:3], dy.shape[:3], w.shape[2]
    frame = framed(scratch, OH, before + OW + after)
    zero = dx.dtype.type(0)
    of_two, of_one = L % 2, 1 - L % 2
    twos, ones = (W - of_two + 1) // 2, (W - of_one + 1) // 2
    at_two, at_one = before + (of_two + L) // 2 - 1, before + (of_one + L - 1) // 2
    for c in range(C):
        o, n, next_c = c * O // C, c % (C // O), min(c + 1, C - 1)
        if n == 0:
            pad(dy[o : o + 1], frame, 0, before)
        for r in range(H):
            rows = max(0, -((KH - 1 - r - T) // SH)), min(OH, (r + T) // SH + 1)
            for next_j in range(0, ones, len(block)):
                j = min(next_j, ones - len(block))
                s = start_sums((zero,), block)
                for i in range(rows[0], rows[1]):
                    met = load_each(frame, (0, i, strided(at_one + j, 1, block)))
                    s = add_products(s, (w[o, n, r + T - i * SH, 1],), met)
                prefetch(dx, (next_c, r, strided(of_one + 2 * j, 2, block)))
                store_each(dx, ((c,), r, strided(of_one + 2 * j, 2, block)), s)
            for next_j in range(0, twos, len(block)):
                j = min(next_j, twos - len(block))
                s = start_sums((zero,), block)
                for i in range(rows[0], rows[1]):
                    met = load_each(frame, (0, i, strided(at_two + j, 1, pixels[1:])))
                    s = add_products(s, (w[o, n, r + T - i * SH, 2],), met[:-1])
                    s = add_products(s, (w[o, n, r + T - i * SH, 0],), met[1:])
                prefetch(dx, (next_c, r, strided(of_two + 2 * j, 2, block)))
                store_each(dx, ((c,), r, strided(of_two + 2 * j, 2, block)), s)


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, 3, 3), db (O,), summed over the 16 images: equations (4) and (5);
    attributes: stride, padding of four sides, and the first image of each part of a pack that is summed at once"""
    (SH, SW), (T, B, L, R), halves = attributes
    (C, H), (O, CG), FW = x.shape[:2], dw.shape[:2], L + x.shape[2] + R
    frame = framed(scratch, T + H + B, FW)
    pixels = frame.reshape((frame.shape[1] * FW, LANES))
    weights, biases = dw.reshape((O * CG, 9)), db.reshape((1, O))
    one, nine, images = (0,), (0, 1, 2, 3, 4, 5, 6, 7, 8), images_of(halves)
    zero, terms = (dw.dtype.type(0),), (1, dy.shape[1], dy.shape[2])
    size = block_sizes(terms)
    for n in range(O * CG):
        o, c = n // CG, n * C // (O * CG)
        if n * C % (O * CG) == 0:
            pad(x[c : c + 1], frame, T, L)
        all_w, all_b = start_sums(zero, nine, images), start_sums(zero, one, images)
        for image in range(0, LANES, len(images)):
            lanes = strided(image, 1, images)
            total_w, total_b = start_sums(zero, nine, images), start_sums(zero, one, images)
            for part in range(block_count(terms, size)):
                _, (i0, i1), (j0, j1) = block_at(part, terms, size)
                s, t = start_sums(zero, nine, images), start_sums(zero, one, images)
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        p = i * SH * FW + j * SW
                        q, r = p + FW, p + 2 * FW
                        met = load_each(pixels, ((p, p + 1, p + 2, q, q + 1, q + 2, r, r + 1, r + 2),), lanes)
                        given = load_each(dy, ((o,), i, j), lanes)
                        s, t = add_products(s, given, met), add_sums(t, (given,))
                total_w = s if part == 0 else add_sums(total_w, s)
                total_b = t if part == 0 else add_sums(total_b, t)
            all_w = total_w if image == 0 else add_sums(all_w, total_w)  # what lane_sum begins with
            all_b = total_b if image == 0 else add_sums(all_b, total_b)
        store_sums(weights, ((n,), nine), all_w)
        store_sums(biases, (one, (o,)), all_b)


def instead_of(kernels: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    """``kernels`` with those in their place that this module has for the problem; the bits of results are the same."""
    of_y, of_x = row_block(p), row_block(p, backward=True)
    if of_y and p.stride[1] == 2:
        kernels = kernels._replace(forward=KernelWithAttributes(forward, (p.stride[0], p.padding, of_y[0])))
    if of_x and p.stride[1] == 2:
        sides = p.stride[0], p.padding[::2], input_margins(p, of_x)[2:]
        kernels = kernels._replace(grad_input=KernelWithAttributes(grad_input, (*sides, of_x[0])))
    if all_at_once(p):
        kernels = kernels._replace(grad_weight=KernelWithAttributes(grad_weight, (p.stride, p.padding, parts())))
    return kernels


def all_at_once(p: Conv2dProblem) -> bool:
    """Whether registers hold the sums of all weights that a channel of x (or of y) has."""
    one = p.groups > 1 and p.groups in (p.in_channels, p.out_channels)
    return one and p.kernel_size == (3, 3) and p.dilation == (1, 1) and sums(p.dtype) * len(parts()) >= 12
