"""Sizes of the register blocks in _blocks.py.

Which sizes the registers hold: kernels/register_blocks.py. 64 to 64 channels, 3x3 on 28x28, GFLOP/s of a core with 32
registers of 16 numbers: 103 with 4 channels x 2 pixels, 117 with 4 x 4, 65 with 4 x 7.
"""

from __future__ import annotations

from math import gcd

from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.register_blocks import parts, size, size_alone, sums
from nbcnn.kernels.shapes import Sides

Numbers = tuple[int, ...]
Block = tuple[Numbers, ...]
"""0, 1, ... for each channel of a block, and for each of its pixels: Numba's types tell how many there are. Where a row
of the kernel is taken at once, also for each of its taps."""
WeightBlock = tuple[Numbers, ...]
"""The same for each channel of a block and each of its taps; and the first image of each part of a pack. Where some
pixels are taken at once, also for each of them."""
ROW = 7
"""Taps in a row of the kernel that are taken at once, at most: each makes the code longer."""
RUN = 4
"""Pixels in a row of dy that are taken at once for the gradient of the weights, where rows are long and come out even:
0.79 of the time at 28 (AVX2: 0.78). 7 or 14 at once are no better; rows of 8 took 1.27 of the time."""


def forward_block(p: Conv2dProblem) -> Block:
    """Channels of y x pixels of its rows."""
    return _by_rows(_correlation(p.out_channels // p.groups, {p.out_width}, p.dtype), p)


def input_block(p: Conv2dProblem) -> Block:
    """Channels of x x pixels of its rows; with a stride, of every SW-th pixel."""
    SW = p.stride[1]
    rows = {-(-(p.width - q) // SW) for q in range(min(SW, p.width))}
    return _by_rows(_correlation(p.in_channels // p.groups, rows, p.dtype), p)


def row_block(p: Conv2dProblem, backward: bool = False) -> tuple[tuple[int, ...]] | None:
    """For kernels 3 wide, of groups with one channel to sum over: pixels of a row of y (backward: of x), and two more,
    so that a row of pixels is loaded once for three taps. With a column stride of 2 (_depthwise.py) every other pixel
    of x. None for other problems.
    """
    given, wanted = (p.out_channels, p.width) if backward else (p.in_channels, p.out_width)
    if given != p.groups or p.groups == 1 or p.kernel_size[1] != 3 or p.kernel_size[0] > 16 or p.dilation != (1, 1):
        return None
    if p.stride != (1, 1) and (p.stride[1] != 2 or p.width == 1):
        return None
    pixels = wanted // p.stride[1] if backward else wanted
    return (tuple(range(size(pixels, min(7, sums(p.dtype))) + 2)),)


def flat_block(channels: int, pixels: int, dtype: str) -> Block:
    """Channels x pixels of an image in one row, for 1x1 kernels: with many channels 8 x 2, up to 4 % faster than 4 x 4,
    for a number of x is the one that comes from far."""
    most = sums(dtype)
    if channels < 8 or most < 16:
        return _correlation(channels, {pixels}, dtype)
    return _block(size(channels, 8), min(2, pixels))


def weight_block(p: Conv2dProblem) -> WeightBlock:
    """Channels of y x taps in a row of the kernel; where the kernel is 1 wide, x channels of x."""
    most = sums(p.dtype) * len(parts())
    taps = size(p.w_shape[3] if p.w_shape[3] > 1 else p.w_shape[1], min(7, most))
    block = *_block(size(p.out_channels // p.groups, min(8, most // taps)), taps), parts()
    side_by_side = p.w_shape[3] > 1 and p.stride[1] == p.dilation[1] == 1
    if not side_by_side or p.out_width < 4 * RUN or p.out_width % RUN != 0 or sums(p.dtype) < 6:
        return block
    return *block, tuple(range(RUN))


def steps(p: Conv2dProblem, backward: bool = False) -> tuple[int, ...]:
    """How far apart in x (backward: in dy) the pixels of a block, and a window's taps are; (1,) if side by side."""
    apart = [d // gcd(d, s) if backward else d for d, s in zip(p.dilation, p.stride, strict=True)]
    found = (1 if backward else p.stride[1], *apart)
    return (1,) if found == (1, 1, 1) else found


def margins(p: Conv2dProblem, block: Block) -> Sides:
    """How many zeros are written around x, of its padding: above, below, left, right.

    Taps that would meet only zeros are left out. So where taps are side by side, no row of zeros is met, and no more
    columns than a block of pixels reaches beyond the image.
    """
    return _met(p.padding, p.dilation, block, p.stride[1])


def input_margins(p: Conv2dProblem, block: Block) -> Sides:
    """The same around dy, of the zeros that windows of the gradient of x reach."""
    around: list[int] = []
    for axis, given, out in ((0, p.height, p.out_height), (1, p.width, p.out_width)):
        before = (p.kernel_size[axis] - 1) * p.dilation[axis] // p.stride[axis]
        around += before, max(out, (given - 1 + p.padding[2 * axis]) // p.stride[axis] + 1) - out
    apart = tuple(d // gcd(d, s) for d, s in zip(p.dilation, p.stride, strict=True))
    return _met(tuple(around), apart, block, 1)


def _met(around: Numbers, apart: Numbers, block: Block, step: int) -> Sides:
    """Of the zeros on four sides those that are met, with taps so far apart, and pixels of a block."""
    above, below, left, right = around
    if apart[0] == 1:
        above = below = 0
    if apart[1] == 1 and len(block) > 1:  # blocks of pixels alone take whole rows
        reach = (len(block[1]) - 1) * step
        left, right = min(left, reach), min(right, reach)
    return above, below, left, right


def _correlation(channels: int, rows: set[int], dtype: str) -> Block:
    """Rows of fours of pixels are cut into fours, others into pairs, which meet fewer of the zeros around x."""
    most = sums(dtype)
    if channels == 1:
        return _block(1, size(min(rows), min(7, most)))
    pixels = 4 if most >= 16 and not any(n % 4 for n in rows) else 2 if most >= 8 and min(rows) > 1 else 1
    return _block((size_alone if pixels == 1 else size)(channels, min(8, most // pixels)), pixels)


def _by_rows(block: Block, p: Conv2dProblem) -> Block:
    """With a row of the kernel at once, where its taps are side by side and there is room for the pixels they meet."""
    (channels, pixels), taps = map(len, block), p.kernel_size[1]
    side_by_side = p.stride[1] == p.dilation[1] == p.dilation[0] == 1
    if not 1 < taps <= ROW or not side_by_side or (pixels > 1 and not _room(channels, pixels, pixels + taps, p.dtype)):
        return block
    return *block, tuple(range(taps))


def _room(channels: int, others: int, more: int, dtype: str) -> bool:
    """Whether the registers hold a block of sums and so many numbers more."""
    return channels * others + more <= sums(dtype) * 3 // 2


def _block(channels: int, others: int) -> Block:
    return tuple(range(channels)), tuple(range(others))


def side(n: int) -> tuple[int, ...]:
    """A side of a block: 4 (2 where registers are few), or 1 if n is less; for kernels too long to compile often."""
    most = 4 if sums("float32") >= 16 else 2
    return tuple(range(most if n >= most else 1))
