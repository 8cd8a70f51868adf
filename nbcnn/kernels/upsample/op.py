"""The op upsample: equation (48) of docs/math.md."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from nbcnn.kernels.image_ops import ImageOp, ImageProblem
from nbcnn.kernels.op import Arrays, OnnxNode, roundings
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.shapes import Pair

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class UpsampleProblem(ImageProblem):
    """(C, H, W) to (C, SH·H, SW·W), with whole factors (SH, SW)."""

    scale_factor: Pair

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(C, OH, OW)"""
        return (self.channels, self.height * self.scale_factor[0], self.width * self.scale_factor[1])

    @property
    def words(self) -> str:
        rows, columns = self.scale_factor
        return f"×{rows}" if rows == columns else f"×{rows}×{columns}"

    def jump(self, axis: int) -> Fraction:
        return Fraction(1, self.scale_factor[axis])

    def reach(self, axis: int, first: Any, last: Any) -> tuple[Any, Any]:
        return first // self.scale_factor[axis], last // self.scale_factor[axis]

    def seen(self, axis: int, outputs: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.unique(outputs // self.scale_factor[axis])


@OPS.register("upsample")
class Upsample(ImageOp):
    """Each pixel repeated: the nearest pixel of a smaller image."""

    problem = UpsampleProblem
    torch, onnx = "Upsample", "Resize"

    def problems(self) -> list[ImageProblem]:
        factors = ((2, 2), (1, 2), (3, 1), (2, 3), (5, 4), (1, 1))
        return [UpsampleProblem(self.name, 2, *size, factor) for size in ((3, 4), (5, 3), (1, 7)) for factor in factors]

    def arguments(self, problem: UpsampleProblem) -> dict[str, Any]:
        return {"scale_factor": list(problem.scale_factor)}

    def oracle(self, problem: UpsampleProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.oracle import images, pack
        from nbcnn.kernels.upsample import oracle

        x, dy = images(inputs["x"]), images(inputs["dy"])
        factor = problem.scale_factor
        return {"y": pack(oracle.upsample(x, factor)), "dx": pack(oracle.upsample_grad(dy, factor))}

    def terms(self, problem: UpsampleProblem) -> dict[str, int]:
        return {"y": 1, "dx": max(2, roundings(1, *problem.scale_factor))}

    def long_sums(self) -> list[Any]:
        return [UpsampleProblem(self.name, 1, 1, 1, factor) for factor in ((100, 100), (1, 10000), (10000, 1))]

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        scales = [1.0, 1.0, *map(float, step["arguments"]["scale_factor"])]
        way = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return [OnnxNode("Resize", ("x", "", scales), way)]
