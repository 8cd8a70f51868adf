"""The layer that pools to a given size: equation (49) of docs/math.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.errors import ShapeError
from nbcnn.kernels.adaptive_avg_pool2d.op import AdaptivePool2dProblem
from nbcnn.kernels.shapes import LARGEST, shortened
from nbcnn.layers.base import LAYERS, Bound, BufferProvider, Layer, LayerConfig, Shape, for_one_image
from nbcnn.layers.fields import OutputSize
from nbcnn.layers.images import image_shape
from nbcnn.layers.parameter_free import bind_plain

if TYPE_CHECKING:
    import numpy as np


class AdaptiveAvgPool2dConfig(LayerConfig):
    """PyTorch's name; null keeps the rows or columns that there are."""

    output_size: OutputSize
    backend: str | None = None


@LAYERS.register("adaptive_avg_pool2d")
class AdaptiveAvgPool2d(Layer):
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

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        return bind_plain(self, buffers, x, dx, training)
