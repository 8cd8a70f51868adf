"""The op silu: equation (44) of docs/math.md."""

from __future__ import annotations

from typing import Any

from nbcnn.kernels.elementwise import ActivationOp
from nbcnn.kernels.op import Arrays, OnnxNode
from nbcnn.kernels.ops import OPS


@OPS.register("silu")
class SiLU(ActivationOp):
    """v / (1 + e**-v)"""

    torch, onnx = "SiLU", "Sigmoid"
    at_infinity = "formula"

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """The sigmoid ends at the smallest normal number."""
        import numpy as np

        found = super().bounds(inputs, values, eps, tiny)
        return found | {"y": found["y"] + tiny * np.abs(inputs["x"])}

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        return [OnnxNode("Sigmoid", ("x",)), OnnxNode("Mul", ("x", 0))]  # Swish is of a later version
