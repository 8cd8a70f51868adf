"""Max and average pooling: equations (6) and (7) of docs/math.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from nbcnn.errors import ShapeError
from nbcnn.kernels.contract import Pool2dProblem
from nbcnn.layers.base import LAYERS, Bound, Layer, LayerConfig, Room, Shape
from nbcnn.layers.fields import NaturalPair, PositivePair, sides
from nbcnn.layers.images import check_size, image_shape
from nbcnn.layers.plain import bind_plain

if TYPE_CHECKING:
    import numpy as np


class Pool2dConfig(LayerConfig):
    """PyTorch's names; ``stride`` is the kernel size where none is given, so that windows do not overlap."""

    kernel_size: PositivePair
    stride: PositivePair | None = None
    padding: NaturalPair = (0, 0)
    backend: str | None = None

    @model_validator(mode="after")
    def _padding_is_at_most_half(self) -> Pool2dConfig:
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding {list(self.padding)} is more than half of kernel_size {list(self.kernel_size)}, "
                "so that a window could hold nothing but padding"
            )
        return self


class AvgPool2dConfig(Pool2dConfig):
    """``count_include_pad``: padding zeros count in the divisor."""

    count_include_pad: bool = True


class Pool2d(Layer):
    """(C, H, W) to (C, OH, OW)."""

    config: Pool2dConfig

    def infer(self) -> Shape:
        image_shape(self.where, self.in_shape)
        check_size(self.where, "window", self.in_shape, self.config.kernel_size, self.config.padding)
        shape = self.problem.y_shape
        if min(shape) < 1:
            raise ShapeError(f"{self.where}: nothing is left of an input {self.in_shape}: the output would be {shape}")
        return shape

    @property
    def problem(self) -> Pool2dProblem:
        c, (channels, height, width) = self.config, image_shape(self.where, self.in_shape)
        include = getattr(c, "count_include_pad", True)
        stride = c.stride or c.kernel_size
        return Pool2dProblem(self.kind, channels, height, width, c.kernel_size, stride, sides(c.padding), include)

    def bind(self, room: Room, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        return bind_plain(self, room, x, dx, training)


@LAYERS.register("max_pool2d")
class MaxPool2d(Pool2d):
    """The largest pixel of each window; padding never wins."""

    Config = Pool2dConfig
    op = "max_pool2d"


@LAYERS.register("avg_pool2d")
class AvgPool2d(Pool2d):
    """The mean of each window."""

    Config = AvgPool2dConfig
    op = "avg_pool2d"
