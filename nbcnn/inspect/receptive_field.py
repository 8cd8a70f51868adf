"""The receptive field: how many input pixels, along each axis, one output number depends on."""

from __future__ import annotations

from typing import Any, NamedTuple

Pair = tuple[int, int]


class Field(NamedTuple):
    """``size``: input rows and columns seen; ``jump``: input pixels between neighbouring outputs."""

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
