"""The op log_softmax: equation (28) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.elementwise import ScoresOp
from nbcnn.kernels.op import Arrays
from nbcnn.kernels.ops import OPS


@OPS.register("log_softmax")
class LogSoftmax(ScoresOp):
    """Scores (K,) to the logarithms of probabilities."""

    torch, onnx = "LogSoftmax", "LogSoftmax"

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        import numpy as np

        more, y, dy = self.more(inputs, eps), values["y"], np.abs(inputs["dy"])
        off = 8 * eps * np.abs(y) + 16 * eps + more
        bound = 8 * eps * np.maximum(1, dy.sum(0))
        if more:
            bound = 8 * eps * np.maximum(1, dy) + (off + more) * np.exp(y) * dy.sum(0)
        return {"y": off, "dx": bound}
