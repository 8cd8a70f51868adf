"""Winograd's filtering: equation (39) of docs/fast-convolution.md, the gradient of the weight.

The sum over tiles and images is a matrix product whose lanes are 16 input channels, so that it ends without a sum over
lanes; x is turned for that first, from 16 images in the lanes to 16 channels.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d._winograd import multiply, part, transform_tiles
from nbcnn.kernels.conv2d._winograd_transforms import times_gt
from nbcnn.lanes import LANES, load, load_columns, load_each, store, store_each, strided


@kernel
def channels_in_lanes(x, turned, small):
    """x (C, P, 16 images) -> turned (C/16, P · 16 images, 16 channels), with zeros for channels that are not there."""
    C, P = x.shape[:2]
    rows = x.reshape((C, P * LANES))
    for block in range(turned.shape[0]):
        c = block * LANES
        for p in range(P):
            if c + LANES <= C:
                for image in range(0, LANES, 4):
                    four = load_columns(rows, (c, p * LANES + image))
                    store_each(turned, ((block,), strided(p * LANES + image, 1, (0, 1, 2, 3))), (four,))
            else:
                small[:] = 0
                for l in range(C - c):
                    for image in range(LANES):
                        small[image, l] = rows[c + l, p * LANES + image]
                for image in range(LANES):
                    store(turned, (block, p * LANES + image), load(small, (image,)))


@kernel
def transform_gradients(s, dw, half, small, wide):
    """Sums s (N, N, O · C/16, 16 channels) to dw (O, C, 3, 3): Gᵀ s G."""
    three = (0, 1, 2)
    O, C = dw.shape[:2]
    blocks = (C + LANES - 1) // LANES
    share = dw.dtype.type(1 / 36 if len(wide) == 6 else 1)  # of 6 sums, times_gt makes 6 times the gradient
    for o in range(O):
        for block in range(blocks):
            for j in range(len(wide)):
                column = times_gt(load_each(s, (wide, j, o * blocks + block)))
                store_each(half, ((j,), three, 0), (column,))
            for a in range(3):
                store_each(small, ((a,), three, 0), (times_gt(load_each(half, (wide, a, 0))),))
            for l in range(min(LANES, C - block * LANES)):
                for a in range(3):
                    for k in range(3):
                        dw[o, block * LANES + l, a, k] = small[a, k, 0, l] * share


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, 3, 3), db (O,), summed over the 16 images; attributes as convolve's"""
    groups, (top, left), together, sizes, block = attributes
    _, narrow, wide = sizes
    C, O, m, N = x.shape[0] // groups, dy.shape[0] // groups, len(narrow), len(wide)
    H, W = x.shape[1:3]
    down, across = (dy.shape[1] + m - 1) // m, (dy.shape[2] + m - 1) // m
    blocks, most = (C + LANES - 1) // LANES, together[0] * together[1]
    edge, scratch = part(scratch, (N, 1, 1))
    half, scratch = part(scratch, ((together[1] - 1) * m + N, N, 1))
    small, scratch = part(scratch, (3, 3, 1))
    square, scratch = part(scratch, (LANES, 1, 1))
    of_x, scratch = part(scratch, (blocks, H, W * LANES))
    v, scratch = part(scratch, (N, N, blocks * most * LANES | 1))
    e, scratch = part(scratch, (N, N, O * most | 1))
    sums, scratch = part(scratch, (N, N, O * blocks | 1))
    product, scratch = part(scratch, (O, blocks, 1))
    flat_x, flat = of_x.reshape((blocks, H * W * LANES, LANES)), product.reshape((1, O * blocks, LANES))
    for g in range(groups):
        ours = x[g * C : (g + 1) * C].reshape((C, H * W, LANES))
        channels_in_lanes(ours, flat_x, square.reshape((LANES, LANES)))
        sums[:] = 0
        for ti in range(0, down, together[0]):
            R = min(together[0], down - ti)
            for tj in range(0, across, together[1]):
                S = min(together[1], across - tj)
                T = R * S
                for i in range(R):
                    r, q = (ti + i) * m, tj * m
                    for c in range(blocks):
                        for image in range(LANES):
                            corner = c, r + top, q + left, LANES, image
                            places = S, (i * S * LANES + image) * blocks + c, LANES * blocks
                            transform_tiles(of_x, corner, v, places, (half, edge), sizes)
                    for o in range(O):
                        corner, places = (g * O + o, r, q, 1, 0), (S, o * T + i * S, 1)
                        transform_tiles(dy, corner, e, places, (half, edge), (narrow, narrow, wide))
                for p in range(N):
                    for q in range(N):
                        gradients = e[p, q].reshape(e.shape[2] * LANES)
                        pixels = v[p, q, : T * LANES * blocks].reshape((T * LANES, blocks, LANES))
                        multiply(gradients, pixels, product.reshape((O, blocks, LANES)), (T * LANES, 1), block)
                        for place in range(O * blocks):
                            at = p, q, place
                            store(sums, at, load(sums, at) + load(flat, (0, place)))
        transform_gradients(sums, dw[g * O : (g + 1) * O], half, small, wide)
    bias_gradient(dy, db)
