"""The cost of ``direct``: multiplications and bytes of its blocks."""

from __future__ import annotations

from math import prod

from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d._sizes import (
    forward_block,
    input_block,
    input_margins,
    margins,
    row_block,
    steps,
    weight_block,
)
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, Work


def direct_cost(p: Conv2dProblem) -> Cost:
    """The cost of direct's blocks, of its padded copies and its turned weights."""
    (C, H, W), (O, OH, OW), weights = p.x_shape, p.y_shape, prod(p.w_shape)
    CG, OG, G = C // p.groups, O // p.groups, p.groups
    of_y, of_x = row_block(p) or forward_block(p), row_block(p, backward=True) or input_block(p)
    x, dy = framed(p.x_shape, margins(p, of_y)), framed(p.y_shape, input_margins(p, of_x))
    copied = 2 * LANES * C * prod(p.padded_size) if any(p.padding) else 0
    arrays = LANES * (prod(p.x_shape) + prod(p.y_shape)) + weights
    rows = row_block(p)
    channels, pixels = (1, len(rows[0]) - 2) if rows else map(len, of_y[:2])
    taps = LANES * G * CG * made(OG, channels)
    for axis, (size, block) in enumerate(((OH, 1), (OW, pixels))):
        before = p.padding[2 * axis]
        leaves_out = p.dilation[axis] == 1 and not (rows and axis == 1)
        inside = (before, before + p.x_shape[1 + axis]) if leaves_out else None
        taps *= _taps((0, size, p.stride[axis], p.kernel_size[axis]), block, inside)
    forward = Work(taps, arrays + 2 * LANES * C * x)
    rows = row_block(p, backward=True)
    channels, pixels = (1, len(rows[0]) - 2) if rows else map(len, of_x[:2])
    taps, apart = LANES * G * OG * made(CG, channels), (1, *steps(p, backward=True))[-2:]
    for axis, (size, block) in enumerate(((H, 1), (W, pixels))):
        margin = (p.kernel_size[axis] - 1) * p.dilation[axis] // p.stride[axis]
        inside = (margin, margin + p.y_shape[1 + axis]) if apart[axis] == 1 and not (rows and axis == 1) else None
        phases = 0
        for first in range(min(p.stride[axis], size)):
            start, count = phase(first + p.padding[2 * axis], p.kernel_size[axis], p.stride[axis], p.dilation[axis])
            phases += _taps((margin + start, -(-(size - first) // p.stride[axis]), 1, count), block, inside)
        taps *= phases
    grad_input = Work(taps, arrays + 2 * LANES * O * dy + 2 * weights)
    channels, block = map(len, weight_block(p)[:2])
    KH, KW = p.kernel_size
    row = made(KW, block) * CG if KW > 1 else made(CG, block)
    return Cost(forward, grad_input, Work(LANES * OH * OW * G * KH * row * made(OG, channels), arrays + copied))


def made(n: int, block: int) -> int:
    """How many sums are made for n, in blocks of a size."""
    return -(-n // block) * block


def phase(position: int, size: int, stride: int, dilation: int) -> tuple[int, int]:
    """What direct.phase says: first row of dy, number of taps."""
    met = [tap for tap in range(size) if (position - tap * dilation) % stride == 0]
    return (position - met[-1] * dilation) // stride if met else 0, len(met)


def framed(shape: tuple[int, ...], margins: tuple[int, ...]) -> int:
    """Pixels of a channel with the zeros that are written around it; 0 where there are none, for it is not copied."""
    above, below, left, right = margins
    return (shape[1] + above + below) * (shape[2] + left + right) if any(margins) else 0


def _taps(axis: tuple[int, int, int, int], block: int, inside: tuple[int, int] | None) -> int:
    """Taps of all pixels along an axis (first position, count, step, taps), less those where a block meets zeros."""
    first, count, step, taps = axis
    total = 0
    for next_j in range(0, count, block):
        q = first + min(next_j, count - block) * step
        a, b = (0, taps) if inside is None else (max(0, inside[0] - q - (block - 1) * step), min(taps, inside[1] - q))
        total += block * max(0, b - a)
    return total
