"""The op sigmoid: equation (12) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import Activation
from nbcnn.kernels.ops import OPS


@OPS.register("sigmoid")
class Sigmoid(Activation):
    """1 / (1 + e**-v)"""

    torch = onnx = "Sigmoid"
