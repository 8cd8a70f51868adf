"""What one layer's outputs depend on along an axis: which rows (axis 0) or columns (1) of its own input."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

Pair = tuple[int, int]


def moves(problem: Any) -> bool:
    """Whether an output looks at more than one pixel, or at one in another place."""
    return hasattr(problem, "kernel_size") or hasattr(problem, "reach")


def sees_all(problem: Any) -> bool:
    """Whether each output depends on the whole input, by what it is: a linear layer, a norm over the image."""
    return getattr(problem, "op", None) == "linear" or getattr(problem, "over_the_image", False)


def covers_all(problem: Any, axis: int) -> bool:
    """Whether the windows of all outputs cover the whole input: the first one its end, the last one its beginning."""
    size, count = problem.x_shape[1 + axis], problem.y_shape[1 + axis]
    step = _dilation(problem, axis)
    _, end = reach(problem, axis, 0, 0)
    begin, _ = reach(problem, axis, count - 1, count - 1)
    return (step == 1 or size == 1) and begin <= 0 and end >= size - 1


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


def looked_at(problem: Any, size: int, outputs: np.ndarray, axis: int) -> np.ndarray:
    """The input rows (columns), of ``size``, that some outputs depend on; both are sorted int64."""
    if hasattr(problem, "seen"):
        seen: np.ndarray = problem.seen(axis, outputs)
        return seen
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


def _dilation(problem: Any, axis: int) -> int:
    dilation: Pair = getattr(problem, "dilation", (1, 1))
    return dilation[axis]
