"""The receptive field: the number of input pixels, along each axis, that one output depends on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Pair = tuple[int, int]


class Field(NamedTuple):
    """A receptive field. ``size``: input rows and columns; ``jump``: input pixels between neighbouring outputs."""

    size: Pair = (1, 1)
    jump: Pair = (1, 1)


def after(field: Field, problem: Any) -> Field:
    """The field after a layer, equation (25): r' = r + (k - 1)·j and j' = j·s. No window, no change."""
    if not hasattr(problem, "kernel_size"):
        return field
    dilation = getattr(problem, "dilation", (1, 1))
    sizes, jumps = [], []
    for axis in (0, 1):
        r, j = field.size[axis], field.jump[axis]
        sizes.append(r + dilation[axis] * (problem.kernel_size[axis] - 1) * j)
        jumps.append(j * problem.stride[axis])
    return Field((sizes[0], sizes[1]), (jumps[0], jumps[1]))


LARGEST = 10_000_000
"""Rows or columns up to which it is reckoned which of them are seen; a larger image is taken not to be seen whole."""


def seen_by_all(problems: Sequence[Any], size: int, axis: int) -> np.ndarray | None:
    """Rows (axis 0) or columns (1) of the image that each output of the last problem depends on; sorted int64.

    ``size`` is the image's; None where some outputs see less than others. The last problem is linear, or a window that
    covers its whole input at every place; those before it may leave pixels out, which a floor drops or a stride skips.
    """
    last, before = problems[-1], [problem for problem in problems[:-1] if hasattr(problem, "kernel_size")]
    sizes = [size, *(problem.y_shape[1 + axis] for problem in before)]
    if max(sizes) > LARGEST or (hasattr(last, "kernel_size") and not _sees_all(last, axis)):
        return None
    seen = np.arange(sizes[-1])
    for problem, below in zip(reversed(before), reversed(sizes[:-1]), strict=True):
        seen = _looked_at(problem, below, seen, axis)
    return seen


def _sees_all(problem: Any, axis: int) -> bool:
    """Whether the windows of all outputs cover the whole input: the first one its end, the last one its beginning."""
    k, stride, size = problem.kernel_size[axis], problem.stride[axis], problem.x_shape[1 + axis]
    step, before = getattr(problem, "dilation", (1, 1))[axis], problem.padding[2 * axis]
    last: int = (problem.y_shape[1 + axis] - 1) * stride - before
    return bool((step == 1 or size == 1) and last <= 0 and step * (k - 1) - before >= size - 1)


def _looked_at(problem: Any, size: int, outputs: np.ndarray, axis: int) -> np.ndarray:
    """The input rows (columns), of ``size``, that are in the windows of some outputs."""
    step, first = getattr(problem, "dilation", (1, 1))[axis], outputs * problem.stride[axis] - problem.padding[2 * axis]
    found = np.zeros(size, bool)
    if outputs.size:  # of a window larger than the image, only taps that meet the image
        taps = range(max(0, -(int(first[-1]) // step)), problem.kernel_size[axis])
        for tap in taps[: max(0, (size - 1 - int(first[0])) // step + 1 - taps.start)]:
            rows = first + tap * step
            found[rows[(rows >= 0) & (rows < size)]] = True
            if found.all():
                break
    return np.flatnonzero(found)
