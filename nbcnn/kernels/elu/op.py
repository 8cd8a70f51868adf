"""The op elu: equation (42) of docs/math.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbcnn.kernels.elementwise import ActivationOp, AtLeast0, ElementwiseProblem
from nbcnn.kernels.ops import OPS


@dataclass(frozen=True)
class ELUProblem(ElementwiseProblem):
    """alpha is at least 0, so that the sign of y tells that of x."""

    alpha: AtLeast0 = 1.0

    @property
    def constants(self) -> tuple[float, ...]:
        """alpha"""
        return (self.alpha,)


@OPS.register("elu")
class ELU(ActivationOp):
    """v above 0, alpha · (e**v - 1) below"""

    problem = ELUProblem
    torch, onnx = "ELU", "Elu"
    ways = ({}, {"alpha": 0.25})

    def kinks(self, problem: Any) -> tuple[float, ...]:
        return () if problem.alpha == 1 else (0.0,)

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        return self.onnx, {"alpha": float(step["arguments"]["alpha"])}
