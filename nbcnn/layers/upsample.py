"""The layer that enlarges images by whole factors: equation (48) of docs/math.md."""

from __future__ import annotations

from pydantic import model_validator

from nbcnn.errors import ShapeError
from nbcnn.kernels.shapes import LARGEST
from nbcnn.kernels.upsample.op import UpsampleProblem
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import PositivePair
from nbcnn.layers.images import image_shape
from nbcnn.layers.parameter_free import ParameterFreeLayer


class UpsampleConfig(LayerConfig):
    """PyTorch's names: a factor, or the size that comes out. Each pixel is repeated (mode nearest)."""

    scale_factor: PositivePair | None = None
    size: PositivePair | None = None
    backend: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> UpsampleConfig:
        if (self.scale_factor is None) == (self.size is None):
            given = "both are given" if self.size else "neither is given"
            raise ValueError(f"upsample takes scale_factor or size, and {given}; write one of them")
        return self


@LAYERS.register("upsample")
class Upsample(ParameterFreeLayer):
    """(C, H, W) to (C, SH·H, SW·W)."""

    Config = UpsampleConfig
    op = "upsample"
    config: UpsampleConfig

    def infer(self) -> Shape:
        _, height, width = image_shape(self.where, self.in_shape)
        if self.config.size:
            for axis, size, wanted in zip(("height", "width"), (height, width), self.config.size, strict=True):
                if wanted % size:
                    raise ShapeError(
                        f"{self.where}: size asks for a {axis} of {wanted}, no multiple of the image's {size}: "
                        f"{wanted} = {wanted // size}·{size} + {wanted % size}; pixels are repeated whole times"
                    )
        shape = self.problem.y_shape
        for name, length in zip(("rows", "columns"), shape[1:], strict=True):
            if length > LARGEST:
                raise ShapeError(f"{self.where}: the enlarged image has {length:,} {name}; it may have {LARGEST:,}")
        return shape

    @property
    def problem(self) -> UpsampleProblem:
        channels, height, width = image_shape(self.where, self.in_shape)
        rows, columns = self.config.size or (height, width)
        return UpsampleProblem(
            "upsample", channels, height, width, self.config.scale_factor or (rows // height, columns // width)
        )
