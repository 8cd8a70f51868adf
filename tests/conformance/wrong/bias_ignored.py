"""A wrong backend: its forward kernel never looks at the bias."""

from __future__ import annotations

from typing import Any

from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import register


@register("conv2d")
class BiasIgnored(Naive):
    """the formula without its first term"""

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        right = super().build(problem)

        def forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
            right.forward(x, w, 0 * b, y, scratch)

        return right._replace(forward=forward)
