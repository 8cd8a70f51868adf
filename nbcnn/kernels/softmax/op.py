"""The op softmax: equation (14) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import ScoresOp
from nbcnn.kernels.op import Arrays
from nbcnn.kernels.ops import OPS


@OPS.register("softmax")
class Softmax(ScoresOp):
    """Scores (K,) to probabilities."""

    torch, onnx = "Softmax", "Softmax"

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        import numpy as np

        more, y, dy = self.more(inputs, eps), values["y"], np.abs(inputs["dy"])
        bound = 8 * eps * max(1.0, float(dy.max()))
        if more:  # each of very many numbers is small
            bound = (16 * eps + 2 * more) * y * (dy + (y * dy).sum(0)) + tiny
        return {"y": (16 * eps + more) * y + tiny, "dx": bound}
