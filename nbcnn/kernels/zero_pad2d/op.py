"""The op zero_pad2d: equation (46) of docs/math.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.kernels.op import Arrays
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.padding import Pad2dProblem, PaddingOp

if TYPE_CHECKING:
    import numpy as np


class ZeroPad2dProblem(Pad2dProblem):
    """Zeros depend on no pixel."""

    def seen(self, axis: int, outputs: np.ndarray) -> np.ndarray:
        rows = outputs - self.padding[2 * axis]
        return rows[(rows >= 0) & (rows < self.x_shape[1 + axis])]


@OPS.register("zero_pad2d")
class ZeroPad2d(PaddingOp):
    """Zeros around each image."""

    problem = ZeroPad2dProblem
    torch = "ZeroPad2d"
    mode = "constant"

    def oracle(self, problem: Pad2dProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.oracle import images, pack
        from nbcnn.kernels.zero_pad2d import oracle

        x, dy = images(inputs["x"]), images(inputs["dy"])
        return {
            "y": pack(oracle.zero_pad2d(x, problem.padding)),
            "dx": pack(oracle.zero_pad2d_grad(dy, problem.padding)),
        }

    def terms(self, problem: Pad2dProblem) -> dict[str, int]:
        return {"y": 1, "dx": 1}  # no sum at all
