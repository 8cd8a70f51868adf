"""Average pooling of one image: each window's sum in its order, as in a pack, 16 neighbouring windows in the lanes."""

from __future__ import annotations

from typing import Any

from nbcnn.compiler.jit import kernel
from nbcnn.kernels._window import lay_out, next_row, polyphase_of
from nbcnn.kernels.avg_pool2d._window import divisor
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.lanes import load, splat, store_masked
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes, blocks_met


def kernel_of(problem: Pool2dProblem, attributes: tuple[Any, ...]) -> OneImage:
    """``attributes`` are those of the pack's kernel."""
    OH, OW = problem.y_shape[1:]
    if OH * OW < LANES:
        return OneImage(KernelWithAttributes(few_windows, attributes))
    window, size = polyphase_of(problem)
    return OneImage(KernelWithAttributes(forward, attributes, window), size + OH * OW + LANES)


@kernel
def forward(x, y, scratch, attributes, window):
    """x (C, H, W) -> y (C, OH, OW), for at least 16 windows a channel; attributes: direct.py, window: _window.py."""
    (KH, KW), (SH, SW), (top, _, left, _), (_, given) = attributes
    C, H, W = x.shape
    OH, OW = y.shape[1:]
    P = OH * OW
    polyphase, flat = lay_out(x, scratch, window, x.dtype.type(0)), y.reshape((C, P))
    divisors = scratch[polyphase.size : polyphase.size + P + LANES]
    for p in range(P if given == 0 else 0):
        divisors[p] = divisor(p // OW * SH - top, p % OW * SW - left, H, W, attributes)
    zero, terms = splat(x.dtype.type(0)), (1, KH, KW)
    block = block_sizes(terms)
    count = block_count(terms, block)
    for c in range(C):
        for p in range(0, P, LANES):
            total = zero
            if count == 1:
                total = add_taps(zero, polyphase, (c, p), ((0, KH), (0, KW)), window)
            else:
                for n in range(count):
                    s = add_taps(zero, polyphase, (c, p), block_at(n, terms, block)[1:], window)
                    total = s if n == 0 else total + s
            total = total / load(divisors, (p,)) if given == 0 else total / given  # equation (7)
            store_masked(flat, (c, p), total, P - p)


@kernel
def add_taps(s, polyphase, at, taps, window):
    """s with some rows and columns of the windows at (channel, place in a plane) added."""
    (c, d), phase = at, 0
    (a0, a1), (k0, k1) = taps
    for _ in range(a0):
        d, phase = next_row(d, phase, window)
    for _ in range(a0, a1):
        for k in range(k0, k1):
            s += load(polyphase, (c, k, d))
        d, phase = next_row(d, phase, window)
    return s


@kernel
def few_windows(x, y, scratch, attributes):
    """The same, one window after the other."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = attributes
    C, H, W = x.shape
    zero = x.dtype.type(0)
    _, rows, columns = block_sizes((1, KH, KW))
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                s = total = zero
                u0, u1 = blocks_met(r, KH, rows, H)
                v0, v1 = blocks_met(q, KW, columns, W)
                for u in range(u0, u1):
                    for v in range(v0, v1):
                        for a in range(max(r + u * rows, 0), min(r + min((u + 1) * rows, KH), H)):
                            for k in range(max(q + v * columns, 0), min(q + min((v + 1) * columns, KW), W)):
                                s += x[c, a, k]
                        s, total = zero, s if u + v == 0 else total + s
                y[c, i, j] = total / x.dtype.type(divisor(r, q, H, W, attributes))  # equation (7)
