"""The forward pass of one image: the formula's sums in the formula's order, with 16 output pixels in the lanes.

So these are the bits that a pack gives. Two shapes of blocks keep eight sums in registers; which one computes fewer
sums for nothing depends on the number of channels and pixels. LeNet's convolutions: see docs/performance.md.
"""

from __future__ import annotations

from math import prod

from nbcnn.kernels.contract import LANES, Conv2dProblem, Fixed
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, splat, store_part
from nbcnn.kernels.one_image import OneImage
from nbcnn.kernels.planes import lay_out, next_row, planes_of


def kernel_of(problem: Conv2dProblem) -> OneImage:
    """Bind the window, and choose the shape of blocks that computes fewer sums."""
    window, size = planes_of(problem)
    channels, pixels = problem.out_channels // problem.groups, prod(problem.y_shape[1:])
    wide = 2 * -(-channels // 2) * 4 * -(-pixels // (4 * LANES))
    tall = 8 * -(-channels // 8) * -(-pixels // LANES)
    return OneImage(Fixed(forward_tall if tall < wide else forward_wide, window), size)


@kernel
def forward_wide(x, w, b, y, work, window):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW)"""
    CG = w.shape[1]
    OG = w.shape[0] * CG // x.shape[0]
    planes, flat = lay_out(x, work, window, x.dtype.type(0)), y.reshape((y.shape[0], y.shape[1] * y.shape[2]))
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        two_channels(planes[c : c + CG], w[o : o + OG], b[o : o + OG], flat[o : o + OG], window)


@kernel
def forward_tall(x, w, b, y, work, window):
    """The same in blocks of the other shape."""
    CG = w.shape[1]
    OG = w.shape[0] * CG // x.shape[0]
    planes, flat = lay_out(x, work, window, x.dtype.type(0)), y.reshape((y.shape[0], y.shape[1] * y.shape[2]))
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        eight_channels(planes[c : c + CG], w[o : o + OG], b[o : o + OG], flat[o : o + OG], window)


@kernel
def two_channels(planes, w, b, y, window):
    """planes (C, KW, …), w (O, C, KH, KW), b (O,) -> y (O, OH · OW), in blocks of 2 channels x 64 pixels."""
    O, C, KH, KW = w.shape
    P = y.shape[1]
    last = (P - 1) // LANES * LANES
    for o in range(0, O, 2):
        u = min(o + 1, O - 1)
        for p0 in range(0, P, 4 * LANES):
            p1, p2, p3 = min(p0 + LANES, last), min(p0 + 2 * LANES, last), min(p0 + 3 * LANES, last)
            s0 = s1 = s2 = s3 = splat(b[o])
            t0 = t1 = t2 = t3 = splat(b[u])
            for c in range(C):
                d = hand = 0
                for a in range(KH):
                    for k in range(KW):
                        x0 = load(planes, (c, k, p0 + d))
                        x1 = load(planes, (c, k, p1 + d))
                        x2 = load(planes, (c, k, p2 + d))
                        x3 = load(planes, (c, k, p3 + d))
                        wo = w[o, c, a, k]
                        wu = w[u, c, a, k]
                        s0 += x0 * wo
                        s1 += x1 * wo
                        s2 += x2 * wo
                        s3 += x3 * wo
                        t0 += x0 * wu
                        t1 += x1 * wu
                        t2 += x2 * wu
                        t3 += x3 * wu  # equation (1)
                    d, hand = next_row(d, hand, window)
            store_part(y, (o, p0), s0, P - p0)
            store_part(y, (o, p1), s1, P - p1)
            store_part(y, (o, p2), s2, P - p2)
            store_part(y, (o, p3), s3, P - p3)
            store_part(y, (u, p0), t0, P - p0)
            store_part(y, (u, p1), t1, P - p1)
            store_part(y, (u, p2), t2, P - p2)
            store_part(y, (u, p3), t3, P - p3)


@kernel
def eight_channels(planes, w, b, y, window):
    """The same in blocks of 8 channels x 16 pixels."""
    O, C, KH, KW = w.shape
    P = y.shape[1]
    for o in range(0, O, 8):
        o1, o2, o3, o4 = min(o + 1, O - 1), min(o + 2, O - 1), min(o + 3, O - 1), min(o + 4, O - 1)
        o5, o6, o7 = min(o + 5, O - 1), min(o + 6, O - 1), min(o + 7, O - 1)
        for p in range(0, P, LANES):
            s0, s1, s2, s3 = splat(b[o]), splat(b[o1]), splat(b[o2]), splat(b[o3])
            s4, s5, s6, s7 = splat(b[o4]), splat(b[o5]), splat(b[o6]), splat(b[o7])
            for c in range(C):
                d, hand = p, 0
                for a in range(KH):
                    for k in range(KW):
                        xp = load(planes, (c, k, d))
                        s0 += xp * w[o, c, a, k]
                        s1 += xp * w[o1, c, a, k]
                        s2 += xp * w[o2, c, a, k]
                        s3 += xp * w[o3, c, a, k]
                        s4 += xp * w[o4, c, a, k]
                        s5 += xp * w[o5, c, a, k]
                        s6 += xp * w[o6, c, a, k]
                        s7 += xp * w[o7, c, a, k]  # equation (1)
                    d, hand = next_row(d, hand, window)
            store_part(y, (o, p), s0, P - p)
            store_part(y, (o1, p), s1, P - p)
            store_part(y, (o2, p), s2, P - p)
            store_part(y, (o3, p), s3, P - p)
            store_part(y, (o4, p), s4, P - p)
            store_part(y, (o5, p), s5, P - p)
            store_part(y, (o6, p), s6, P - p)
            store_part(y, (o7, p), s7, P - p)
