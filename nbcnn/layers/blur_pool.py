"""The layer that blurs and subsamples images: equation (50) of docs/math.md."""

from __future__ import annotations

from typing import Literal

from nbcnn.errors import ShapeError
from nbcnn.kernels.blur_pool.op import BlurPoolProblem
from nbcnn.kernels.shapes import LARGEST, shortened
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import PositivePair
from nbcnn.layers.images import image_shape
from nbcnn.layers.parameter_free import ParameterFreeLayer


class BlurPoolConfig(LayerConfig):
    """The filter's size, 3 (1 2 1) or 5 (1 4 6 4 1), and the stride."""

    kernel_size: Literal[3, 5] = 3
    stride: PositivePair = (2, 2)
    backend: str | None = None


@LAYERS.register("blur_pool")
class BlurPool(ParameterFreeLayer):
    """(C, H, W) to (C, ceil(H/SH), ceil(W/SW)), without parameters."""

    Config = BlurPoolConfig
    op = "blur_pool"
    config: BlurPoolConfig

    def infer(self) -> Shape:
        _, height, width = image_shape(self.where, self.in_shape)
        taps, half = self.config.kernel_size, self.config.kernel_size // 2
        for size, what in ((height, "rows"), (width, "columns")):
            if half >= size:
                other = "use kernel_size 3" if taps == 5 and size > 1 else "use avg_pool2d, or less stride before it"
                raise ShapeError(
                    f"{self.where}: a filter of {taps} reflects {taps}//2 = {half} {what} at each border; of {size} "
                    f"there are {size} - 1 = {size - 1} beside it; {other}"
                )
        if max(self.config.stride) > LARGEST:
            raise ShapeError(
                f"{self.where}: stride {shortened(max(self.config.stride))} is too large; the largest is {LARGEST:,}"
            )
        return self.problem.y_shape

    @property
    def problem(self) -> BlurPoolProblem:
        config = self.config
        return BlurPoolProblem("blur_pool", *image_shape(self.where, self.in_shape), config.kernel_size, config.stride)
