"""The op relu: equation (11) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
from nbcnn.kernels.op import Arrays
from nbcnn.kernels.ops import OPS


@OPS.register("relu")
class ReLU(ActivationOp):
    """max(v, 0)"""

    torch, onnx = "ReLU", "Relu"
    signed = ("x",)
    at_infinity = "formula"

    def kinks(self, problem: ElementwiseProblem) -> tuple[float, ...]:
        return (0.0,)

    def terms(self, problem: ElementwiseProblem) -> dict[str, int]:
        return {"y": 1, "dx": 1}  # no sum at all

    def spread(self, problem: ElementwiseProblem, inputs: Arrays, seed) -> Arrays:
        return inputs
