"""Which convolutions have many channels, in which direction, and the block sizes of their kernels (_wide.py).

Wide is a layer whose weights are more than a core's nearest cache holds. Sizes change the speed and no bit of a result.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.compiler.host import vector_registers
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d._sizes import Block, forward_block, input_block
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.lanes.block_sums import BLOCK

PANEL = 48
"""Rows of a panel of numbers, which lie side by side: blocks of 2, 3, 4, 6 or 8 rows never lie in two."""
ROWS = 144
"""Channels of dy whose sums are under way at once: with those of up to five images, 140 KB of three columns."""
CHANNELS = 32
"""Channels of x and of y that a wide layer has at least: with fewer, laying numbers side by side takes too long."""
TERMS = 144
"""Of a sum, so many terms are taken at a time, about: those of three pixels are 27 KB."""
TAPS = 64
"""Taps of the largest kernel that is taken."""
STRIPS = 2**17
"""1×1 kernels have fewer weights than this where pointwise's strips are as fast, for dx half as many, as there it reads
them across: 256 to 256 channels at 14×14, with AVX2, y has 82 in strips and 76 so, dx 63 and 76."""
FEW_PIXELS = 64
"""Pixels up to which direct's own blocks are as fast at dw: 122 for 115 at 7×7, with AVX2 100 for 84 (at 1×1
with 32 registers for 16 numbers alone)."""
MANY, MANY_BACKWARD = {32: 2**17, 16: 2**63}, {32: 2**14, 16: 2**16}
"""By registers, the weights from which direct's blocks that take a row of the kernel at once are slower, for y and dx,
and for dw. 3×3, y, GFLOP/s with AVX-512: 64 to 64 channels, 28×28, 177 for 155; 128 to 128, 14×14, 151 for 156. With
AVX2: 104 for 90, 97 for 96."""
LONG_ROW = 5
"""Taps in a row of which they are faster with any weights: 48 to 128 channels, 14×14, 5×5, 182 for 144 with AVX-512."""


def is_wide(p: Conv2dProblem, of_x: bool = False) -> bool:
    """Whether sums of y (of dx, where sooner) go on a few channels at a time."""
    if min(p.w_shape[1], p.out_channels // p.groups) < CHANNELS or prod(p.kernel_size) > TAPS:
        return False
    if p.kernel_size != (1, 1):
        return not _by_rows(p, MANY)
    return not any(p.padding) and prod(p.w_shape) // p.groups >= (STRIPS // 2 if of_x else STRIPS)


def is_wide_backward(p: Conv2dProblem) -> bool:
    """Whether the gradient of the weight is summed image by image, sixteen channels of x at once.

    Where pixels are few, or a row of the kernel is taken at once, direct's blocks may be faster.
    """
    if min(p.w_shape[1], p.out_channels // p.groups) < CHANNELS or prod(p.kernel_size) > TAPS:
        return False
    pixels = p.out_height * p.out_width
    if pixels > BLOCK:  # sums of more terms are taken in blocks
        return False
    if p.kernel_size == (1, 1):
        return pixels > FEW_PIXELS or _room(p.dtype) < 32
    if p.stride == (1, 1) and pixels <= FEW_PIXELS and _room(p.dtype) in MANY_BACKWARD:
        return False
    return not _by_rows(p, MANY_BACKWARD)


def _by_rows(p: Conv2dProblem, many: dict[int, int]) -> bool:
    """Whether direct's own blocks are faster, which load a pixel once for all taps in a row of the kernel (_sizes.py):
    with long rows, and with fewer weights than ``many``."""
    if _room(p.dtype) not in many or any(len(block) < 3 for block in (forward_block(p), input_block(p))):
        return False
    return p.kernel_size[1] >= LONG_ROW or prod(p.w_shape) // p.groups < many[_room(p.dtype)]


def products_block(p: Conv2dProblem) -> Block:
    """Channels of y (or of x) x pixels; of the most registers 24, beside which 4 are for what they are made of."""
    return _block(*{32: (8, 3), 16: (6, 2), 8: (6, 1), 4: (2, 1)}[_room(p.dtype)])


def image_block(p: Conv2dProblem) -> Block:
    """Channels of dy x columns of 16 weights; few columns come out even."""
    columns = -(-p.w_shape[1] // LANES) * prod(p.kernel_size)
    return _block(6, 4) if _room(p.dtype) == 32 and columns % 3 and columns % 4 == 0 else products_block(p)


def together(p: Conv2dProblem) -> tuple[int, int]:
    """Terms, and panels of pixels."""
    return max(TERMS, prod(p.kernel_size)), max(1, 8 // len(products_block(p)[1]))


def together_backward(p: Conv2dProblem) -> tuple[int, int]:
    """Pixels, and panels of columns: those of a 3×3 kernel at once, three rows of them."""
    return TERMS, 3


def wide_workspace(p: Conv2dProblem) -> int:
    """Numbers of scratch for y and dx."""
    C, O, P = p.w_shape[1], p.out_channels // p.groups, p.out_height * p.out_width
    return max(_correlation(p, C, O, P), C + _correlation(p, O, C, p.height * p.width))


def wide_workspace_backward(p: Conv2dProblem) -> int:
    """Numbers of scratch for dw."""
    (rows, columns), (terms, batch) = map(len, image_block(p)), together_backward(p)
    C, O, pixels = p.w_shape[1], p.out_channels // p.groups, p.out_height * p.out_width
    padded = _up(O, rows)
    turned = _up(C, LANES) * (p.height * p.width | 1) * LANES
    numbers = _up(O, PANEL) * LANES * pixels
    waiting = 5 * batch * min(ROWS, padded) * columns * LANES
    return padded + turned + numbers + batch * min(terms, pixels) * columns * LANES + waiting


def _correlation(p: Conv2dProblem, C: int, O: int, P: int) -> int:
    (rows, columns), (terms, batch), T = map(len, products_block(p)), together(p), prod(p.kernel_size)
    padded, deep = _up(O, rows), min(max(1, terms // T), C) * T
    waiting = (1 if C * T <= BLOCK else 2) * _up(P, columns) * padded * LANES
    return padded + _up(O, PANEL) * max(deep, terms) + batch * max(deep, terms) * columns * LANES + waiting


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _room(dtype: str) -> int:
    """Registers for 16 numbers: 32, 16, 8 or 4."""
    count, bits = vector_registers()
    found = count * bits // (8 * LANES * np.dtype(dtype).itemsize)
    return next(size for size in (32, 16, 8, 4, 0) if found >= size) or 4


def _block(rows: int, columns: int) -> Block:
    return tuple(range(rows)), tuple(range(columns))
