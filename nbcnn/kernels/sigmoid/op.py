"""The op sigmoid: equation (12) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import ActivationOp
from nbcnn.kernels.ops import OPS


@OPS.register("sigmoid")
class Sigmoid(ActivationOp):
    """1 / (1 + e**-v)"""

    torch = onnx = "Sigmoid"
