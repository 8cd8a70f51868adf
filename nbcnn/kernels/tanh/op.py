"""The op tanh: equation (13) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import Activation
from nbcnn.kernels.ops import OPS


@OPS.register("tanh")
class Tanh(Activation):
    """(e**v - e**-v) / (e**v + e**-v)"""

    torch = onnx = "Tanh"
