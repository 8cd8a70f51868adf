"""A wrong backend: where indices are checked it takes its process down, as a write far out of an array may."""

from __future__ import annotations

import os
from typing import Any

from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import register


@register("conv2d")
class Crash(Naive):
    """right, until it is not"""

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        right = super().build(problem)

        def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
            if os.environ.get("NUMBA_BOUNDSCHECK") and problem.kernel_size != (3, 3):
                os.abort()
            right.forward(x, w, b, y, scratch)

        return right._replace(forward=forward)


@register("linear", "crash")
class Fine:
    """refuses everything, and is to be checked all the same"""

    def supports(self, problem: Any) -> str:
        return f"it has {problem.in_features} features, it can only do none"

    def workspace(self, problem: Any) -> int:
        return 0

    def build(self, problem: Any) -> None:
        return None
