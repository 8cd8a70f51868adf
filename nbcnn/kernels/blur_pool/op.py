"""The op blur_pool: equation (50) of docs/math.md."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import comb
from typing import TYPE_CHECKING, Any

from nbcnn.kernels.image_ops import ImageOp, ImageProblem
from nbcnn.kernels.op import Arrays, OnnxNode
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.padding import reflections
from nbcnn.kernels.shapes import Pair, Sides

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class BlurPoolProblem(ImageProblem):
    """(C, H, W) to (C, OH, OW), with a binomial filter of odd size and reflections around the image."""

    taps: int
    stride: Pair

    @property
    def kernel_size(self) -> Pair:
        """Rows and columns of the filter."""
        return (self.taps, self.taps)

    @property
    def dilation(self) -> Pair:
        """None."""
        return (1, 1)

    @property
    def padding(self) -> Sides:
        """Half of the filter on each side, by reflection."""
        return (self.taps // 2,) * 4

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(C, OH, OW)"""
        sizes = zip(self.x_shape[1:], self.stride, strict=True)
        return (self.channels, *((size - 1) // stride + 1 for size, stride in sizes))

    @property
    def macs(self) -> int:
        """Multiply-accumulate steps for one image."""
        channels, rows, columns = self.y_shape
        return channels * rows * columns * self.taps**2

    @property
    def binomial(self) -> tuple[int, ...]:
        """1 2 1, or 1 4 6 4 1: whole numbers, whose sum is a power of two."""
        return tuple(comb(self.taps - 1, k) for k in range(self.taps))

    def jump(self, axis: int) -> Fraction:
        return Fraction(self.stride[axis])

    def reach(self, axis: int, first: Any, last: Any) -> tuple[Any, Any]:
        return first * self.stride[axis] - self.taps // 2, last * self.stride[axis] + self.taps // 2

    def seen(self, axis: int, outputs: np.ndarray) -> np.ndarray:
        import numpy as np

        places = (outputs[:, None] * self.stride[axis] + np.arange(self.taps)).reshape(-1)
        return reflections(self.x_shape[1 + axis], self.taps // 2, places)


@OPS.register("blur_pool")
class BlurPool(ImageOp):
    """Subsampling of a blurred image."""

    problem = BlurPoolProblem
    onnx = "Conv"

    def problems(self) -> list[ImageProblem]:
        strides = ((2, 2), (1, 1), (3, 2), (1, 2))
        made = product(strides, ((3, (5, 4)), (3, (2, 3)), (5, (6, 5)), (5, (3, 7)), (3, (9, 8))))
        return [BlurPoolProblem(self.name, 2, *size, taps, stride) for stride, (taps, size) in made]

    def arguments(self, problem: BlurPoolProblem) -> dict[str, Any]:
        return {"kernel_size": problem.taps, "stride": list(problem.stride)}

    def oracle(self, problem: BlurPoolProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.blur_pool import oracle
        from nbcnn.kernels.oracle import images, pack

        p, x, dy = problem, images(inputs["x"]), images(inputs["dy"])
        dx = oracle.blur_pool_grad(dy, (p.height, p.width), p.taps, p.stride)
        return {"y": pack(oracle.blur_pool(x, p.taps, p.stride)), "dx": pack(dx)}

    def terms(self, problem: BlurPoolProblem) -> dict[str, int]:
        return {"y": problem.taps**2 + 1, "dx": (2 * problem.taps) ** 2}  # a reflection meets a pixel twice

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        """The filter is a constant, one for each channel."""
        channels, taps, stride = step["size"][0], step["arguments"]["kernel_size"], step["arguments"]["stride"]
        line = [comb(taps - 1, k) / 2 ** (taps - 1) for k in range(taps)]
        filters = [[[[a * k for k in line] for a in line]]] * channels
        around = OnnxNode("Pad", ("x", [0, 0, *[taps // 2] * 2] * 2), {"mode": "reflect"})
        return [around, OnnxNode("Conv", (0, filters), {"strides": stride, "group": channels})]
