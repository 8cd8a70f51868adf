"""The gradient of the weight of a convolution with many channels, with the sums and bits of ``naive``.

There a sum is of lanes over pixels, and at its end over the 16 lanes: for few pixels that end takes as long as all the
rest, and both factors of every product are lanes, which have to be loaded. So x is turned around first, from 16
images in the lanes to 16 channels. Then each image has a matrix product of its own, numbers of dy times lanes of x,
and the 16 images' results are added in the order of ``lane_sum``, sixteen weights at once.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d._wide_products import add_panel, panels_of, room
from nbcnn.kernels.conv2d._wide_sizes import PANEL, ROWS
from nbcnn.lanes import LANES, load, load_columns, splat, store, store_each, strided


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, KH, KW), db (O,); attributes: stride, dilation, top and left padding,
    pixels at a time, block"""
    stride, dilation, start, together, block = attributes
    CG = dw.shape[1]
    OG = dw.shape[0] * CG // x.shape[0]
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        plan = stride, dilation, start, together
        sum_images(x[c : c + CG], dy[o : o + OG], dw[o : o + OG], scratch, plan, block)
    bias_gradient(dy, db)


@kernel
def sum_images(x, dy, dw, scratch, plan, block):
    """Equation (4) of the channels of one group."""
    rows, columns = block
    terms, batch = plan[3]
    O, C, KH, KW = dw.shape
    H, W, P = x.shape[1], x.shape[2], dy.shape[1] * dy.shape[2]
    m, n = len(rows), len(columns)
    blocks, V = (C + LANES - 1) // LANES, (C + LANES - 1) // LANES * KH * KW
    padded = (O + m - 1) // m * m
    most = min(ROWS, padded)
    zeros, scratch = scratch[:padded], scratch[padded:]
    zeros[:] = 0
    turned, scratch = room(scratch, blocks * LANES, H * W | 1)
    of_blocks = turned.reshape((blocks, LANES, H * W | 1, LANES))
    numbers, scratch = panels_of(scratch, O, LANES * P)
    terms = min(terms, P)
    lanes, scratch = room(scratch, batch * terms, n)
    waiting, scratch = room(scratch, 5 * batch * most, n)
    pixels_to_lanes(x.reshape((C, H * W * LANES)), of_blocks)
    images_apart(dy.reshape((O, P * LANES)), numbers, P)
    for first in range(0, O, ROWS):
        stop = first + (min(ROWS, O - first) + m - 1) // m * m
        for v in range(0, V, batch * n):
            panels = min(batch, (V - v + n - 1) // n)
            level = 0
            for step in range(LANES):
                image = step % 2 * 8 + step // 2 % 2 * 4 + step // 4 % 2 * 2 + step // 8
                pairs, done = 0, step + 1  # sums over as many images as these are complete then
                while done % 2 == 0:
                    pairs, done = pairs + 1, done // 2
                for p in range(0, P, terms):
                    some = min(terms, P - p)
                    gather(turned, lanes, (v, V, image, p, some, panels, terms), (H, W, KH, KW, dy.shape[2]), plan)
                    part, joined = (image * P + p, some), (pairs if p + some == P else 0, batch * most)
                    for o in range(first, stop, PANEL):
                        for panel in range(panels):
                            place = o, min(o + PANEL, stop), (level * batch + panel) * most - first
                            arrays = numbers, lanes[panel * terms :], zeros, waiting
                            add_panel(arrays, place, part, p == 0, joined, block)
                level += 1 - pairs
            for panel in range(panels):
                put(waiting[panel * most :], dw, (first, v + panel * n, V))


@kernel
def pixels_to_lanes(x, turned):
    """x (C, pixels · 16 images) -> turned (C/16, 16 images, pixels, 16 channels); zeros for channels that are not."""
    C, P = x.shape[0], x.shape[1] // LANES
    zero = splat(x.dtype.type(0))
    four = (0, 1, 2, 3)
    for block in range(turned.shape[0]):
        c = block * LANES
        if c + LANES <= C:
            for p in range(P):
                for image in range(0, LANES, 4):
                    found = load_columns(x, (c, p * LANES + image))
                    store_each(turned, ((block,), strided(image, 1, four), p), (found,))
        else:
            for image in range(LANES):
                for p in range(P):
                    store(turned, (block, image, p), zero)
                    for l in range(C - c):
                        turned[block, image, p, l] = x[c + l, p * LANES + image]


@kernel
def images_apart(dy, numbers, P):
    """dy (O, pixels · 16 images) -> panels (panels, 16 images · pixels, 48 channels)"""
    O = dy.shape[0]
    four = (0, 1, 2, 3)
    for o in range(0, O, LANES):
        panel, at = o // PANEL, o % PANEL
        if o + LANES <= O:
            for p in range(P):
                for image in range(0, LANES, 4):
                    found = load_columns(dy, (o, p * LANES + image))
                    store_each(numbers, ((panel,), strided(image * P + p, P, four), at), (found,))
        else:
            for l in range(O - o):
                for p in range(P):
                    for image in range(LANES):
                        numbers[panel, image * P + p, at + l] = dy[o + l, p * LANES + image]


@kernel
def gather(turned, lanes, which, sizes, plan):
    """What some pixels of dy meet of an image at a few taps, of 16 channels each: to lanes (panels · pixels, taps)."""
    v, V, image, first, some, panels, apart = which
    H, W, KH, KW, across = sizes
    (SH, SW), (DH, DW), (top, left), _ = plan
    zero = splat(turned.dtype.type(0))
    for each in range(panels * lanes.shape[1]):
        n, begin = each % lanes.shape[1], each // lanes.shape[1] * apart
        tap = min(v + each, V - 1)
        block, a, k = tap // (KH * KW), tap // KW % KH, tap % KW
        row = block * LANES + image
        column = k * DW - left
        inside_from = min(across, max(0, -(column // SW)))  # the first j with j SW + column >= 0
        inside_to = max(inside_from, min(across, (W - 1 - column) // SW + 1))
        p = 0
        while p < some:
            i, j = (first + p) // across, (first + p) % across
            stop = min(across, j + some - p)
            r = i * SH + a * DH - top
            to, start = begin + p - j, r * W + column
            low, high = max(j, inside_from), min(stop, inside_to)
            if r < 0 or r >= H or high <= low:
                for l in range(j, stop):
                    store(lanes, (to + l, n), zero)
            else:
                for l in range(j, low):
                    store(lanes, (to + l, n), zero)
                for l in range(low, high):
                    store(lanes, (to + l, n), load(turned, (row, start + l * SW)))
                for l in range(high, stop):
                    store(lanes, (to + l, n), zero)
            p += stop - j


@kernel
def put(sums, dw, which):
    """Sums (rows, taps, 16 channels) to dw (O, C, KH, KW)."""
    first, v, V = which
    O, C, KH, KW = dw.shape
    for o in range(first, min(first + ROWS, O)):
        for n in range(min(sums.shape[1], V - v)):
            block, a, k = (v + n) // (KH * KW), (v + n) // KW % KH, (v + n) % KW
            for l in range(min(LANES, C - block * LANES)):
                dw[o, block * LANES + l, a, k] = sums[o - first, n, l]
