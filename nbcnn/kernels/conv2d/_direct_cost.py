"""How many sums direct.py really makes: blocks repeat a last channel or pixel, and leave out taps on padding alone."""

from __future__ import annotations

from math import gcd, prod

from nbcnn.kernels.contract import LANES, Conv2dProblem
from nbcnn.kernels.cost import Cost, Work
from nbcnn.kernels.shapes import Pair


def direct_cost(p: Conv2dProblem) -> Cost:
    """The cost of direct's blocks, of its padded copies and its turned weights."""
    (C, H, W), (O, OH, OW), weights = p.x_shape, p.y_shape, prod(p.w_shape)
    CG, OG, G = C // p.groups, O // p.groups, p.groups
    x, dy = frames(p)
    framed = any(p.padding) or p.dilation != (1, 1)
    copied = 2 * LANES * C * prod(x) if framed else 0
    arrays = LANES * (prod(p.x_shape) + prod(p.y_shape)) + weights
    axes = [(0, size, p.stride[axis], p.dilation[axis]) for axis, size in enumerate((OH, OW))]
    insides = [(p.padding[2 * axis], p.padding[2 * axis] + size) for axis, size in enumerate((H, W))]
    taps = _taps([(*axis, k) for axis, k in zip(axes, p.kernel_size, strict=True)], insides, x)
    forward = Work(LANES * G * taps * CG * 2 * half(OG), arrays + copied)
    backward = 0
    margins = [(p.kernel_size[axis] - 1) * p.dilation[axis] // p.stride[axis] for axis in (0, 1)]
    insides = [(margin, margin + size) for margin, size in zip(margins, (OH, OW), strict=True)]
    for row in range(min(p.stride[0], H)):
        for column in range(min(p.stride[1], W)):
            phases = []
            for axis, (first, size) in enumerate(((row, H), (column, W))):
                start, step, count = phase(
                    first + p.padding[2 * axis], p.kernel_size[axis], p.stride[axis], p.dilation[axis]
                )
                phases.append((margins[axis] + start, -(-(size - first) // p.stride[axis]), 1, step, count))
            backward += _taps(phases, insides, dy)
    grad_input = Work(LANES * G * backward * OG * 2 * half(CG), arrays + 2 * LANES * O * prod(dy) + 2 * weights)
    grad_weight = Work(LANES * OH * OW * G * 4 * -(-CG * prod(p.kernel_size) // 4) * 2 * half(OG), arrays + copied)
    return Cost(forward, grad_input, grad_weight)


def half(n: int) -> int:
    """Blocks of two."""
    return (n + 1) // 2


def phase(position: int, size: int, stride: int, dilation: int) -> tuple[int, int, int]:
    """What direct.phase says: first row of dy, step of rows, number of taps."""
    met = [tap for tap in range(size) if (position - tap * dilation) % stride == 0]
    return (position - met[-1] * dilation) // stride if met else 0, dilation // gcd(stride, dilation), len(met)


def frames(p: Conv2dProblem) -> tuple[list[int], list[int]]:
    """Rows and columns of padded x, and of dy with the zeros around it that grad_input's windows may touch."""
    x, dy = [], []
    for axis in (0, 1):
        size, out, before = p.x_shape[1 + axis], p.y_shape[1 + axis], p.padding[2 * axis]
        stride, dilation = p.stride[axis], p.dilation[axis]
        around = (p.kernel_size[axis] - 1) * dilation // stride
        hands = dilation // gcd(dilation, stride)
        x.append(-(-p.padded_size[axis] // dilation) * dilation)
        dy.append(-(-(around + max(out, (size - 1 + before) // stride + 1)) // hands) * hands)
    return x, dy


def _taps(axes: list[tuple[int, int, int, int, int]], insides: list[Pair], frame: list[int]) -> int:
    """Taps of all pixels of a grid; an axis is first position, count, step, step of taps, taps."""
    (row, rows, down, row_tap, KH), (column, columns, right, column_tap, KW) = axes
    (top, bottom), (left, stop) = insides if row_tap == column_tap == 1 else [(0, frame[0]), (0, frame[1])]
    whole = top > 0 or left > 0 or bottom < frame[0] or stop < frame[1]
    run, total = columns if whole else rows * columns, 0
    for first in range(0, rows * columns, run):
        for p in range(first, first + run, 4):
            block = [divmod(min(p + n, first + run - 1), columns) for n in range(4)]
            rs, qs = [row + i * down for i, _ in block], [column + j * right for _, j in block]
            high = min(KH, bottom - rs[0]) - max(0, top - rs[3])
            wide = min(KW, stop - min(qs)) - max(0, left - max(qs))
            total += 4 * max(high, 0) * max(wide, 0)
    return total
