"""The op hardswish: equation (45) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
from nbcnn.kernels.ops import OPS


@OPS.register("hardswish")
class Hardswish(ActivationOp):
    """v · min(max(v + 3, 0), 6) / 6"""

    torch, onnx = "Hardswish", "HardSwish"
    at_infinity = "formula"

    def kinks(self, problem: ElementwiseProblem) -> tuple[float, ...]:
        return (-3.0, 3.0)
