"""Convolution with 1×1 kernels: at every pixel a matrix product over channels, equation (27).

With the sums and bits of ``naive``. Here memory is what takes the time, for a number of x meets but O weights: a pack
of 64 channels of 28×28 is 3 MB, and direct's blocks, which wait for each line, run at half of a core's speed. So the
image is taken in strips of pixels whose channels fit into the cache together; while one strip is summed, the cache
fetches the next, and the places where sums will go. With a stride, the pixels that are met are copied together first.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, WeightedKernels
from nbcnn.kernels.conv2d._blocks import sum_products
from nbcnn.kernels.conv2d._direct_cost import made
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d._sizes import Block, flat_block, weight_block
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, Work, formula_cost
from nbcnn.kernels.registry import register
from nbcnn.lanes import (
    add_products,
    add_sums,
    load,
    load_each,
    prefetch,
    repeated,
    scalars,
    splat,
    start_sums,
    store,
    store_each,
    strided,
)
from nbcnn.lanes.block_sums import block_length

STRIP = 3 * 2**15
"""Bytes of a strip, of 64 channels 24 pixels: 101 GFLOP/s at 14×14, 96 at 28×28 (64 to 64 channels). With 8 pixels 93
and 92, with 16 pixels 100 and 94, with 56 pixels 94 and 93; with 28 and without ``prefetch`` 83 and 86."""


@kernel
def mix(x, w, b, y, strip, block):
    """x (C, P), w (O, C), b (O,) -> y (O, P), in strips of so many pixels."""
    (O, C), P = w.shape, x.shape[1]
    channels, pixels = block
    length, zeros = block_length(C), repeated(w.dtype.type(0), channels)
    for first in range(0, P, strip):
        for next_o in range(0, O, len(channels)):
            os = strided(min(next_o, O - len(channels)), 1, channels)
            share = range(next_o * C // O, min(next_o + len(channels), O) * C // O)
            for next_p in range(first, min(first + strip, P), len(pixels)):
                ps = strided(min(next_p, P - len(pixels)), 1, pixels)
                prefetch(y, (os, ps))
                ahead = strided(min(next_p + strip, P - len(pixels)), 1, pixels)
                for c in share:
                    prefetch(x, (c, ahead))
                s = total = start_sums(scalars(b, (os,)), pixels)
                if C <= length:
                    total = add_channels(s, x, w, (os, ps), (0, C))
                else:
                    for c in range(0, C, length):
                        s = add_channels(s, x, w, (os, ps), (c, min(c + length, C)))
                        s, total = start_sums(zeros, pixels), s if c == 0 else add_sums(total, s)
                store_each(y, (os, ps), total)


@kernel
def add_channels(s, x, w, at, channels):
    """The block of sums s at (channels, pixels) of y with the products of some channels of x added: equation (27)."""
    os, ps = at
    for c in range(channels[0], channels[1]):
        s = add_products(s, scalars(w, (os, c)), load_each(x, (c, ps)))
    return s


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, 1, 1), b (O,) -> y (O, OH, OW); attributes: stride, pixels of a strip, block."""
    stride, strip, block = attributes
    O, CG = w.shape[:2]
    met = flat(picked(x, y, scratch, stride))
    OG = O * CG // x.shape[0]
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        mix(met[c : c + CG], w.reshape((O, CG))[o : o + OG], b[o : o + OG], flat(y)[o : o + OG], strip, block)


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW), w (O, C/G, 1, 1) -> dx (C, H, W): the same with the weights turned, equation (3)."""
    stride, strip, block = attributes
    (O, CG), C = w.shape[:2], dx.shape[0]
    OG = O * CG // C
    zeros, rest = scratch[:CG], scratch[CG:]
    zeros[:] = 0
    met = dx if stride == (1, 1) else pixels_of(dy, rest, C)
    for g in range(C // CG):
        o, c = g * OG, g * CG
        turned = w.reshape((O, CG))[o : o + OG].T
        mix(flat(dy)[o : o + OG], turned, zeros, flat(met)[c : c + CG], strip, block)
    if stride != (1, 1):
        spread(met, dx, stride)


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, 1, 1), db (O,): direct's blocks."""
    stride, block = attributes
    met = picked(x, dy, scratch, stride)
    CG = dw.shape[1]
    OG = dw.shape[0] * CG // x.shape[0]
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        sum_products(met[c : c + CG], dy[o : o + OG], dw[o : o + OG], (1, 1), (1, 1), block)
    bias_gradient(dy, db)


@kernel
def flat(x):
    """(C, H, W) as (C, H · W)"""
    return x.reshape((x.shape[0], x.shape[1] * x.shape[2], x.shape[3]))


@kernel
def pixels_of(y, scratch, C):
    """C channels as large as those of y, in scratch."""
    return scratch[: C * y.shape[1] * y.shape[2] * y.shape[3]].reshape((C, *y.shape[1:]))


@kernel
def picked(x, y, scratch, stride):
    """The pixels of x (C, H, W) that outputs y meet, (C, OH, OW) in scratch; x itself where these are all."""
    if stride == (1, 1):
        return x
    met = pixels_of(y, scratch, x.shape[0])
    C, OH, OW = met.shape[:3]
    for c in range(C):
        for i in range(OH):
            for j in range(OW):
                store(met, (c, i, j), load(x, (c, i * stride[0], j * stride[1])))
    return met


@kernel
def spread(met, dx, stride):
    """The reverse: met (C, OH, OW) to where it was picked from in dx (C, H, W), zeros elsewhere."""
    C, OH, OW = met.shape[:3]
    zero = splat(dx.dtype.type(0))
    for c in range(C):
        for r in range(dx.shape[1]):
            for q in range(dx.shape[2]):
                i, i_rest = divmod(r, stride[0])
                j, j_rest = divmod(q, stride[1])
                inside = i_rest == 0 and j_rest == 0 and i < OH and j < OW
                store(dx, (c, r, q), load(met, (c, i, j)) if inside else zero)


@register("conv2d")
class Pointwise:
    """1×1 kernels: naive's sums and bits, in strips that stay in the cache"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """1×1 kernels without padding, at any stride and in any groups."""
        if problem.kernel_size != (1, 1):
            KH, KW = problem.kernel_size
            return f"the kernel is {KH}×{KW}, it can only do 1×1"
        if any(problem.padding):
            return (
                f"padding is {problem.padding}, it can only do none (of a 1×1 kernel it makes a border of bias alone)"
            )
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """A row of zeros; with a stride, the pixels that are met."""
        return problem.in_channels // problem.groups + self._met(problem)

    def cost(self, problem: Conv2dProblem) -> Cost:
        """The formula's products and what blocks make twice; with a stride, pixels are written and read once more."""
        p, pixels = problem, problem.out_height * problem.out_width
        C, O = p.in_channels // p.groups, p.out_channels // p.groups
        numbers = formula_cost(p).forward.numbers + 2 * self._met(p)

        def sums(given: int, wanted: int) -> Work:
            channels, side = map(len, flat_block(wanted, pixels, p.dtype))
            return Work(LANES * p.groups * given * made(wanted, channels) * made(pixels, side), numbers)

        channels, others, _ = map(len, weight_block(p))
        products = LANES * p.groups * pixels * made(O, channels) * made(C, others)
        return Cost(sums(C, O), sums(O, C), Work(products, numbers))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind stride, strips and blocks."""
        p = problem
        C, O, pixels = p.in_channels // p.groups, p.out_channels // p.groups, p.out_height * p.out_width
        forward_block, input_block = (flat_block(channels, pixels, p.dtype) for channels in (O, C))
        return WeightedKernels(
            KernelWithAttributes(forward, (p.stride, _strip(C, forward_block, p.dtype), forward_block)),
            KernelWithAttributes(grad_input, (p.stride, _strip(O, input_block, p.dtype), input_block)),
            KernelWithAttributes(grad_weight, (p.stride, weight_block(p))),
        )

    def _met(self, problem: Conv2dProblem) -> int:
        return 0 if problem.stride == (1, 1) else prod((problem.in_channels, *problem.y_shape[1:], LANES))


def _strip(channels: int, block: Block, dtype: str) -> int:
    """Pixels of a strip, so many blocks: what is summed over ``channels`` fits into STRIP bytes."""
    pixels = len(block[1])
    return pixels * max(1, STRIP // (channels * pixels * LANES * np.dtype(dtype).itemsize))
