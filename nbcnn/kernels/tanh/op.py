"""The op tanh: equation (13) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import ActivationOp
from nbcnn.kernels.ops import OPS


@OPS.register("tanh")
class Tanh(ActivationOp):
    """(e**v - e**-v) / (e**v + e**-v)"""

    torch = onnx = "Tanh"
