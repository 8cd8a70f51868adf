"""The cost of kernels for many channels: multiplications, numbers copied side by side, partial sums stored."""

from __future__ import annotations

from math import prod

from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d._direct_cost import made, phase
from nbcnn.kernels.conv2d._wide_sizes import image_block, is_wide, is_wide_backward, products_block, together
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, Work, formula_cost


def with_wide(cost: Cost, p: Conv2dProblem) -> Cost:
    """``cost`` with that of the kernels that stand in their place where the layer is wide."""
    C, O, T, numbers = p.w_shape[1], p.out_channels // p.groups, prod(p.kernel_size), formula_cost(p).forward.numbers
    pixels = p.out_height * p.out_width
    if is_wide(p):
        work = _sums(p, C, O, [(pixels, T)])
        cost = cost._replace(forward=work._replace(numbers=work.numbers + numbers))
    if is_wide(p, of_x=True):
        work = _sums(p, O, C, [(prod(counts), prod(taps)) for counts, taps in _phases(p)])
        cost = cost._replace(grad_input=work._replace(numbers=work.numbers + numbers))
    if is_wide_backward(p):
        rows, columns = map(len, image_block(p))
        macs = p.groups * LANES * pixels * made(O, rows) * made(-(-C // LANES) * T, columns) * LANES
        turned = 2 * LANES * (prod(p.x_shape) + prod(p.y_shape))
        cost = cost._replace(grad_weight=Work(macs, numbers + turned))
    return cost


def _sums(p: Conv2dProblem, C: int, O: int, grids: list[tuple[int, int]]) -> Work:
    """Of C channels to O, at grids of so many pixels, each with so many taps."""
    rows, columns = map(len, products_block(p))
    macs = numbers = 0
    for pixels, taps in grids:
        waits = -(-C // max(1, together(p)[0] // max(taps, 1))) - 1 if taps else 0
        macs += C * taps * made(O, rows) * made(pixels, columns)
        numbers += 2 * (LANES * C * taps * pixels + C * O * taps + LANES * waits * O * pixels)
    return Work(p.groups * LANES * macs, p.groups * numbers)


def _phases(p: Conv2dProblem) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Of each phase of the stride its rows and columns of dx, and of the kernel."""
    axes = []
    for axis in (0, 1):
        size, stride, before = p.x_shape[1 + axis], p.stride[axis], p.padding[2 * axis]
        kernel, dilation = p.kernel_size[axis], p.dilation[axis]
        firsts = range(min(stride, size))
        axes.append([(-(-(size - f) // stride), phase(f + before, kernel, stride, dilation)[1]) for f in firsts])
    return [((down, right), (a, k)) for down, a in axes[0] for right, k in axes[1]]
