"""A wrong backend: its loop over rows never ends, in compiled code that nobody can interrupt."""

from __future__ import annotations

from typing import Any

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import register


@kernel
def forward(x, w, b, y, scratch):  # type: ignore[no-untyped-def]
    i = 0
    while i < y.shape[1]:
        y[0, i, 0, 0] += 1


@register("conv2d")
class NeverReturns(Naive):
    """counts up something else than its row"""

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        right: Any = super().build(problem)
        kernels: WeightedKernels = right._replace(forward=forward)
        return kernels
