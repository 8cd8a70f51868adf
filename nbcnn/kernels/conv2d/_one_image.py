"""Convolution of one image, forward, with 16 output pixels in the lanes; the same bits as in a pack.

So these are the bits that a pack gives. LeNet's convolutions: see docs/performance.md.
"""

from __future__ import annotations

from math import prod

from nbcnn.compiler.jit import kernel
from nbcnn.kernels._window import lay_out, next_row, polyphase_of
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage
from nbcnn.kernels.conv2d._sizes import Block
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.register_blocks import size_alone, sums
from nbcnn.lanes import add_products, add_sums, load_each, repeated, scalars, start_sums, store_sums_masked, strided
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes

MOST = {"float32": 12, "float64": 6}
"""Sums at once: with 32 registers 16 of them were kept in memory now and then, beside the totals of their blocks."""


def kernel_of(problem: Conv2dProblem) -> OneImage:
    """Bind the window and the block."""
    window, size = polyphase_of(problem)
    pixels = block(problem.out_channels // problem.groups, prod(problem.y_shape[1:]), problem.dtype)
    return OneImage(KernelWithAttributes(forward, (window, pixels)), size)


def block(channels: int, pixels: int, dtype: str) -> Block:
    """Channels x vectors of 16 pixels: a weight is a load for each of its channels, so many channels come first."""
    room = min(sums(dtype), MOST[dtype])
    rows = size_alone(channels, min(8, room))
    columns = min(4, max(1, room // rows), -(-pixels // LANES))
    return tuple(range(rows)), tuple(range(columns))


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW); attributes: window of _window.py, and block"""
    window, block = attributes
    CG = w.shape[1]
    OG = w.shape[0] * CG // x.shape[0]
    polyphase, flat = lay_out(x, scratch, window, x.dtype.type(0)), y.reshape((y.shape[0], y.shape[1] * y.shape[2]))
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        correlate(polyphase[c : c + CG], w[o : o + OG], b[o : o + OG], flat[o : o + OG], window, block)


@kernel
def correlate(polyphase, w, b, y, window, block):
    """polyphase (C, KW, …), w (O, C, KH, KW), b (O,) -> y (O, OH · OW). A last, partial block begins earlier."""
    (O, P), (channels, vectors) = y.shape, block
    terms = w.shape[1:]
    parts = block_sizes(terms)
    count = block_count(terms, parts)
    zeros = repeated(w.dtype.type(0), channels)
    last = (P - 1) // LANES * LANES - (len(vectors) - 1) * LANES
    for next_o in range(0, O, len(channels)):
        os = strided(min(next_o, O - len(channels)), 1, channels)
        for next_p in range(0, P, len(vectors) * LANES):
            p = min(next_p, last)
            s = total = start_sums(scalars(b, (os,)), vectors)
            if count == 1:
                total = add_taps(s, polyphase, w, (os, p, vectors), block_at(0, terms, parts), window)
            else:
                for n in range(count):
                    s = add_taps(s, polyphase, w, (os, p, vectors), block_at(n, terms, parts), window)
                    s, total = start_sums(zeros, vectors), s if n == 0 else add_sums(total, s)
            store_sums_masked(y, (os, strided(p, LANES, vectors)), total, P)


@kernel
def add_taps(s, polyphase, w, at, taps, window):
    """The block of sums s with the products of some taps (channels, rows, columns) added: equation (1)."""
    os, p, vectors = at
    (c0, c1), (a0, a1), (k0, k1) = taps
    for c in range(c0, c1):
        d = phase = 0
        for _ in range(a0):
            d, phase = next_row(d, phase, window)
        for a in range(a0, a1):
            for k in range(k0, k1):
                pixels = load_each(polyphase, (c, k, strided(p + d, LANES, vectors)))
                s = add_products(s, scalars(w, (os, c, a, k)), pixels)
            d, phase = next_row(d, phase, window)
    return s
