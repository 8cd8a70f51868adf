"""The op adaptive_avg_pool2d: equation (49) of docs/math.md."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from nbcnn.errors import PeerError
from nbcnn.kernels.image_ops import ImageOp, ImageProblem
from nbcnn.kernels.op import Arrays, OnnxNode, roundings
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.shapes import Pair

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class AdaptivePool2dProblem(ImageProblem):
    """(C, H, W) to (C, OH, OW), with windows from floor(i·H/OH) up to ceil((i + 1)·H/OH), of unequal sizes perhaps."""

    output_size: Pair

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(C, OH, OW)"""
        return (self.channels, *self.output_size)

    @property
    def words(self) -> str:
        return f"to {self.output_size[0]}×{self.output_size[1]}"

    def jump(self, axis: int) -> Fraction:
        return Fraction(self.x_shape[1 + axis], self.output_size[axis])

    def reach(self, axis: int, first: Any, last: Any) -> tuple[Any, Any]:
        size, count = self.x_shape[1 + axis], self.output_size[axis]
        return first * size // count, -(-(last + 1) * size // count) - 1

    def seen(self, axis: int, outputs: np.ndarray) -> np.ndarray:
        import numpy as np

        first, last = self.reach(axis, outputs, outputs)
        marks = np.zeros(self.x_shape[1 + axis] + 1, np.int64)
        np.add.at(marks, first, 1)
        np.add.at(marks, last + 1, -1)
        return np.flatnonzero(marks[:-1].cumsum())


@OPS.register("adaptive_avg_pool2d")
class AdaptiveAvgPool2d(ImageOp):
    """The mean of each of as many windows as are wanted."""

    problem = AdaptivePool2dProblem
    torch, onnx = "AdaptiveAvgPool2d", "AveragePool"
    largest, factor = 2, 2520
    """Means of few multiples of it are whole numbers."""

    def problems(self) -> list[ImageProblem]:
        sizes, outputs = ((5, 6), (6, 4), (4, 7), (9, 8)), ((2, 3), (1, 1), (4, 4), (3, 2), (5, 6), (7, 9), (2, 1))
        return [AdaptivePool2dProblem(self.name, 2, *size, output) for size, output in product(sizes, outputs)]

    def tiny(self) -> list[Any]:
        outputs = ((2, 3), (1, 1), (7, 4))
        return [AdaptivePool2dProblem(self.name, 1, 5, 4, output, dtype="float64") for output in outputs]

    def arguments(self, problem: AdaptivePool2dProblem) -> dict[str, Any]:
        return {"output_size": list(problem.output_size)}

    def oracle(self, problem: AdaptivePool2dProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.adaptive_avg_pool2d import oracle
        from nbcnn.kernels.oracle import images, pack

        p, x, dy = problem, images(inputs["x"]), images(inputs["dy"])
        dx = oracle.adaptive_avg_pool2d_grad(dy, (p.height, p.width))
        return {"y": pack(oracle.adaptive_avg_pool2d(x, p.output_size)), "dx": pack(dx)}

    def terms(self, problem: AdaptivePool2dProblem) -> dict[str, int]:
        axes = list(zip(problem.x_shape[1:], problem.output_size, strict=True))
        window = roundings(1, *(-(-size // count) + 1 for size, count in axes)) + 2
        rows, columns = (-(-count // size) + 1 for size, count in axes)
        return {"y": window, "dx": rows * columns + 2}

    def long_sums(self) -> list[Any]:
        return [AdaptivePool2dProblem(self.name, 1, *size, (1, 1)) for size in ((100, 100), (1, 10000), (10000, 1))]

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        (_, *size), wanted = step["size"], step["arguments"]["output_size"]
        if any(n % m for n, m in zip(size, wanted, strict=True)):
            raise PeerError(
                f"ONNX has no adaptive_avg_pool2d from {size[0]}×{size[1]} to {wanted[0]}×{wanted[1]}, whose windows "
                "differ in size; leave out --against onnxruntime"
            )
        window = [n // m for n, m in zip(size, wanted, strict=True)]
        return [OnnxNode("AveragePool", ("x",), {"kernel_shape": window, "strides": window})]
