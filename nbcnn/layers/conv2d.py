"""The convolution layer (cross-correlation in two dimensions): equation (1) of docs/math.md."""

from __future__ import annotations

from nbcnn.errors import ShapeError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.shapes import four_sides, groups_flaw
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import PaddingSidesOrWord, Positive, PositivePair
from nbcnn.layers.images import image_shape, output_shape
from nbcnn.layers.weighted import WeightedLayer


class Conv2dConfig(LayerConfig):
    """PyTorch's names; the number of input channels is inferred. ``padding: same`` goes with any stride."""

    out_channels: Positive
    kernel_size: PositivePair
    stride: PositivePair = (1, 1)
    padding: PaddingSidesOrWord = (0, 0)
    dilation: PositivePair = (1, 1)
    groups: Positive = 1
    bias: bool = True
    backend: str | None = None


@LAYERS.register("conv2d")
class Conv2d(WeightedLayer):
    """(C, H, W) to (O, OH, OW)."""

    Config = Conv2dConfig
    op = "conv2d"
    config: Conv2dConfig

    def infer(self) -> Shape:
        channels = image_shape(self.where, self.in_shape)[0]
        if flaw := groups_flaw(self.config.groups, channels, self.config.out_channels):
            raise ShapeError(f"{self.where}: {flaw}")
        return output_shape(self.where, "kernel", self.problem)

    @property
    def problem(self) -> Conv2dProblem:
        c, (channels, height, width) = self.config, image_shape(self.where, self.in_shape)
        sides = four_sides(c.padding, (height, width), c.kernel_size, c.stride, c.dilation)
        window = (c.kernel_size, c.stride, sides, c.dilation)
        return Conv2dProblem(channels, c.out_channels, height, width, *window, c.groups)
