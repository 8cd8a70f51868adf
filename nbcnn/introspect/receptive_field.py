"""The receptive field: the number of input pixels, along each axis, that one output depends on."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

import numpy as np

Pair = tuple[int, int]


class Field(NamedTuple):
    """A receptive field. ``size``: input rows and columns; ``jump``: input pixels between neighbouring outputs, a
    fraction after an enlargement, and a mean where windows differ in size.
    """

    size: Pair = (1, 1)
    jump: tuple[float, float] = (1, 1)


MANY = 1000
"""Outputs, side by side, whose fields are compared at most."""


def field_of(problems: Sequence[Any]) -> Field:
    """The field behind layers one after the other: equation (25), from the last one's output back to the image.

    Where outputs differ in how many pixels they depend on, the most; pixels beyond the image's border count too.
    """
    moving = [problem for problem in problems if moves(problem)]
    jumps = [prod((jump(problem, axis) for problem in moving), start=Fraction(1)) for axis in (0, 1)]
    rows, columns = (int(found) if found.denominator == 1 else float(found) for found in jumps)
    return Field((_extent(moving, 0), _extent(moving, 1)), (rows, columns))


def _extent(problems: Sequence[Any], axis: int) -> int:
    """Fields repeat after as many outputs as the denominators of jumps multiply to."""
    period = prod(jump(problem, axis).denominator for problem in problems)
    outputs = problems[-1].y_shape[1 + axis] if problems else 1
    most = 1
    for output in range(min(period, outputs, MANY)):
        first = last = output
        for problem in reversed(problems):
            first, last = reach(problem, axis, first, last)
        most = max(most, last - first + 1)
    return most


def moves(problem: Any) -> bool:
    """Whether an output looks at more than one pixel, or at one in another place."""
    return hasattr(problem, "kernel_size") or hasattr(problem, "reach")


def sees_all(problem: Any) -> bool:
    """Whether each output depends on the whole input, by what it is: a linear layer, a norm over the image."""
    return problem.op == "linear" or getattr(problem, "over_the_image", False)


def jump(problem: Any, axis: int) -> Fraction:
    """How many input rows (axis 0) or columns (1) a layer's neighbouring outputs are apart."""
    if hasattr(problem, "jump"):
        found: Fraction = problem.jump(axis)
        return found
    return Fraction(problem.stride[axis])


def reach(problem: Any, axis: int, first: int, last: int) -> Pair:
    """The first and last input row (column) that some outputs depend on, as if there were no borders."""
    if hasattr(problem, "reach"):
        found: Pair = problem.reach(axis, first, last)
        return found
    before, stride = problem.padding[2 * axis], problem.stride[axis]
    span = _dilation(problem, axis) * (problem.kernel_size[axis] - 1)
    return first * stride - before, last * stride - before + span


def _dilation(problem: Any, axis: int) -> int:
    dilation: Pair = getattr(problem, "dilation", (1, 1))
    return dilation[axis]


LARGEST = 10_000_000
"""Rows or columns up to which it is reckoned which of them are seen; a larger image is taken not to be seen whole."""


def seen_by_all(problems: Sequence[Any], size: int, axis: int) -> np.ndarray | None:
    """Rows (axis 0) or columns (1) of the image that each output of the last problem depends on; sorted int64.

    ``size`` is the image's; None where some outputs see less than others. The last problem sees all, or has a window
    that covers its whole input at every place; those before it may leave pixels out, which a floor drops or a stride
    skips.
    """
    last, before = problems[-1], [problem for problem in problems[:-1] if moves(problem)]
    sizes = [size, *(problem.y_shape[1 + axis] for problem in before)]
    if max(sizes) > LARGEST or not (sees_all(last) or _covers_all(last, axis)):
        return None
    seen = np.arange(sizes[-1])
    for problem, below in zip(reversed(before), reversed(sizes[:-1]), strict=True):
        seen = problem.seen(axis, seen) if hasattr(problem, "seen") else _looked_at(problem, below, seen, axis)
    return seen


def _covers_all(problem: Any, axis: int) -> bool:
    """Whether the windows of all outputs cover the whole input: the first one its end, the last one its beginning."""
    size, count = problem.x_shape[1 + axis], problem.y_shape[1 + axis]
    step = _dilation(problem, axis)
    _, end = reach(problem, axis, 0, 0)
    begin, _ = reach(problem, axis, count - 1, count - 1)
    return (step == 1 or size == 1) and begin <= 0 and end >= size - 1


def _looked_at(problem: Any, size: int, outputs: np.ndarray, axis: int) -> np.ndarray:
    """The input rows (columns), of ``size``, that are in the windows of some outputs."""
    step, first = _dilation(problem, axis), outputs * problem.stride[axis] - problem.padding[2 * axis]
    found = np.zeros(size, bool)
    if outputs.size:  # of a window larger than the image, only taps that meet the image
        taps = range(max(0, -(int(first[-1]) // step)), problem.kernel_size[axis])
        for tap in taps[: max(0, (size - 1 - int(first[0])) // step + 1 - taps.start)]:
            rows = first + tap * step
            found[rows[(rows >= 0) & (rows < size)]] = True
            if found.all():
                break
    return np.flatnonzero(found)
