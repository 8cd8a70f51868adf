"""Two-dimensional cross-correlation with learned kernels: equation (1) of docs/math.md."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nbcnn.kernels.contract import Conv2dProblem
from nbcnn.layers.base import LAYERS, Bound, Layer, LayerConfig, Parameter, Room, Shape
from nbcnn.layers.fields import NaturalPair, Positive, PositivePair, sides
from nbcnn.layers.images import check_size, image_shape
from nbcnn.layers.weighted import bind_weighted

if TYPE_CHECKING:
    import numpy as np


class Conv2dConfig(LayerConfig):
    """PyTorch's names; the number of input channels is inferred."""

    out_channels: Positive
    kernel_size: PositivePair
    stride: PositivePair = (1, 1)
    padding: NaturalPair = (0, 0)
    bias: bool = True
    backend: str | None = None


@LAYERS.register("conv2d")
class Conv2d(Layer):
    """(C, H, W) to (O, OH, OW)."""

    Config = Conv2dConfig
    op = "conv2d"
    config: Conv2dConfig

    def infer(self) -> Shape:
        c = self.config
        check_size(self.where, "kernel", (0, *image_shape(self.where, self.in_shape)[1:]), c.kernel_size, c.padding)
        return self.problem.y_shape

    @property
    def problem(self) -> Conv2dProblem:
        c, (channels, height, width) = self.config, image_shape(self.where, self.in_shape)
        return Conv2dProblem(channels, c.out_channels, height, width, c.kernel_size, c.stride, sides(c.padding))

    def parameters(self) -> dict[str, Parameter]:
        shape = self.problem.w_shape
        fan_in, fan_out = prod(shape[1:]), shape[0] * prod(shape[2:])
        weight = Parameter(shape, fan_in, fan_out)
        return {"weight": weight} | ({"bias": Parameter(shape[:1], fan_in, fan_out)} if self.config.bias else {})

    def bind(self, room: Room, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        return bind_weighted(self, room, x, dx, training, self.config.bias)
