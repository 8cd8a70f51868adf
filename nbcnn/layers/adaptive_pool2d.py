"""The layer that pools to a given size: equation (49) of docs/math.md."""

from __future__ import annotations

from nbcnn.errors import ShapeError
from nbcnn.kernels.adaptive_avg_pool2d.op import AdaptivePool2dProblem
from nbcnn.kernels.shapes import LARGEST, shortened
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import OutputSize
from nbcnn.layers.images import image_shape
from nbcnn.layers.parameter_free import ParameterFreeLayer


class AdaptiveAvgPool2dConfig(LayerConfig):
    """PyTorch's name; null keeps the rows or columns that there are."""

    output_size: OutputSize
    backend: str | None = None


@LAYERS.register("adaptive_avg_pool2d")
class AdaptiveAvgPool2d(ParameterFreeLayer):
    """(C, H, W) to (C, OH, OW): the mean of each window, of sizes that fit."""

    Config = AdaptiveAvgPool2dConfig
    op = "adaptive_avg_pool2d"
    config: AdaptiveAvgPool2dConfig

    def infer(self) -> Shape:
        shape = self.problem.y_shape
        if max(shape[1:]) > LARGEST:
            raise ShapeError(
                f"{self.where}: output_size {shortened(max(shape[1:]))} is too large; the largest is {LARGEST:,}"
            )
        return shape

    @property
    def problem(self) -> AdaptivePool2dProblem:
        channels, height, width = image_shape(self.where, self.in_shape)
        rows, columns = self.config.output_size
        return AdaptivePool2dProblem("adaptive_avg_pool2d", channels, height, width, (rows or height, columns or width))
