"""A wrong backend: a helper of its gradient calls itself, and misses the end where the number of rows is odd."""

from __future__ import annotations

from typing import Any

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import register


@kernel
def halves(dx, rows):  # type: ignore[no-untyped-def]
    if rows == 0:
        return 0
    dx[0, 0, 0, 0] = rows
    return halves(dx, rows - 2) + halves(dx, rows - 4) + 1


@kernel
def grad_input(dy, w, dx, scratch):  # type: ignore[no-untyped-def]
    dx[:] = 0
    halves(dx, 7)


@register("conv2d")
class Recursion(Naive):
    """has no last row"""

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        right: Any = super().build(problem)
        kernels: WeightedKernels = right._replace(grad_input=grad_input)
        return kernels
