"""Global pooling layers: one number a channel, for any image size."""

from __future__ import annotations

from typing import ClassVar

from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.layers.base import LAYERS, LayerConfig
from nbcnn.layers.images import image_shape
from nbcnn.layers.pool2d import Pool2d


class GlobalPool2dConfig(LayerConfig):
    """No arguments but the backend."""

    backend: str | None = None


class GlobalPool2d(Pool2d):
    """(C, H, W) to (C, 1, 1), with the kernels of pooling and one window."""

    Config = GlobalPool2dConfig
    op: ClassVar[str]
    config: GlobalPool2dConfig  # type: ignore[assignment]

    @property
    def problem(self) -> Pool2dProblem:
        channels, height, width = image_shape(self.where, self.in_shape)
        return Pool2dProblem(self.op, channels, height, width, (height, width), (1, 1))


@LAYERS.register("global_max_pool2d")
class GlobalMaxPool2d(GlobalPool2d):
    """The largest pixel of each channel."""

    op = "max_pool2d"


@LAYERS.register("global_avg_pool2d")
class GlobalAvgPool2d(GlobalPool2d):
    """The mean of each channel."""

    op = "avg_pool2d"
