"""Long sums cut into blocks, so that their rounding errors do not add up.

One float32 sum over a million numbers rounds off a part of each: a million times 0.1 came out 1 % too large. So a sum
of n terms is cut into blocks of at most BLOCK terms, or √n where that is more. Each block is a sum of its own, its
terms in the formula's order; then the sums of the blocks are added in their order. The first block begins with the
bias, where there is one, and the others with 0: a sum of one block is the plain sum.

Where the terms have three indices (channel, row, column), a block is a box: whole channels if one of them fits into a
block, else whole rows, else a piece of a row. All this depends on the sizes alone, so that every backend that promises
the formula's sums cuts them at the same places.
"""

from __future__ import annotations

from math import sqrt

from nbcnn.compiler.jit import kernel

BLOCK = 1024
"""Terms of a block: about as many as there are blocks in a sum of a million. LeNet's sums, and those of most layers,
are one block."""


@kernel
def block_length(n):
    """How many of n terms in a row make a block: a multiple of 16, as kernels take some numbers at once."""
    return max(BLOCK, (int(sqrt(n)) + 15) // 16 * 16)


@kernel
def block_sizes(sizes):
    """How many channels, rows and columns make a block, of terms in ``sizes`` (channels, rows, columns)."""
    C, H, W = sizes
    most = block_length(C * H * W)
    return max(1, min(C, most // (H * W))), max(1, min(H, most // W)), min(W, most)


@kernel
def block_count(sizes, block):
    """How many blocks of these sizes there are."""
    (C, H, W), (channels, rows, columns) = sizes, block
    return -(-C // channels) * -(-H // rows) * -(-W // columns)


@kernel
def block_at(n, sizes, block):
    """Block number n: its first channel and the one behind its last, likewise rows and columns."""
    (C, H, W), (channels, rows, columns) = sizes, block
    if n == 0:  # often the only one: no division
        return (0, channels), (0, rows), (0, columns)
    n, column = divmod(n, -(-W // columns))
    channel, row = divmod(n, -(-H // rows))
    c, r, q = channel * channels, row * rows, column * columns
    return (c, min(c + channels, C)), (r, min(r + rows, H)), (q, min(q + columns, W))


@kernel
def blocks_met(first, size, block, count):
    """Which blocks hold any of the positions 0 to ``count`` - 1, where term 0 of ``size`` is at position ``first``.

    The first of them, and the one behind the last: a window may be 2³¹ wide, and only its part in the image is summed.
    """
    return max(0, -first) // block, min(-(-size // block), max(0, -((first - count) // block)))
