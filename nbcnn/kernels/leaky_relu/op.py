"""The op leaky_relu: equation (41) of docs/math.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbcnn.kernels.elementwise import ActivationOp, AtLeast0, ElementwiseProblem
from nbcnn.kernels.ops import OPS


@dataclass(frozen=True)
class LeakyReLUProblem(ElementwiseProblem):
    """The slope below 0 is at least 0, so that the sign of y tells that of x."""

    negative_slope: AtLeast0 = 0.01

    @property
    def constants(self) -> tuple[float, ...]:
        """The slope."""
        return (self.negative_slope,)


@OPS.register("leaky_relu")
class LeakyReLU(ActivationOp):
    """v above 0, negative_slope · v below"""

    problem = LeakyReLUProblem
    torch, onnx = "LeakyReLU", "LeakyRelu"
    at_infinity = "formula"
    ways = ({}, {"negative_slope": 0.25})

    def kinks(self, problem: Any) -> tuple[float, ...]:
        return () if problem.negative_slope == 1 else (0.0,)

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        return self.onnx, {"alpha": float(step["arguments"]["negative_slope"])}
