"""Padding layers, with zeros and by reflection: equations (46) and (47) of docs/math.md."""

from __future__ import annotations

from typing import ClassVar

from nbcnn.errors import ShapeError
from nbcnn.kernels.ops import op
from nbcnn.kernels.padding import Pad2dProblem
from nbcnn.kernels.shapes import LARGEST
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import PaddingAround
from nbcnn.layers.images import image_shape
from nbcnn.layers.parameter_free import ParameterFreeLayer


class Pad2dConfig(LayerConfig):
    """``padding`` in PyTorch's order: left, right, top, bottom."""

    padding: PaddingAround
    backend: str | None = None


class Pad2d(ParameterFreeLayer):
    """(C, H, W) to (C, top + H + bottom, left + W + right)."""

    Config = Pad2dConfig
    op: ClassVar[str]
    config: Pad2dConfig

    def infer(self) -> Shape:
        shape = self.problem.y_shape
        for name, size in zip(("rows", "columns"), shape[1:], strict=True):
            if size > LARGEST:
                raise ShapeError(
                    f"{self.where}: the image has {size:,} {name} with its padding; it may have {LARGEST:,}"
                )
        return shape

    @property
    def problem(self) -> Pad2dProblem:
        left, right, top, bottom = self.config.padding
        shape, sides = image_shape(self.where, self.in_shape), (top, bottom, left, right)
        made: Pad2dProblem = op(self.op).problem(self.op, *shape, sides)
        return made


@LAYERS.register("zero_pad2d")
class ZeroPad2d(Pad2d):
    """Zeros around each image."""

    op = "zero_pad2d"


@LAYERS.register("reflect_pad2d")
class ReflectPad2d(Pad2d):
    """Each image continued by its reflections; the border itself is not doubled."""

    op = "reflect_pad2d"

    def infer(self) -> Shape:
        _, height, width = image_shape(self.where, self.in_shape)
        names = ("left", "right", "top", "bottom")
        for name, padding in zip(names, self.config.padding, strict=True):
            size, what = (width, "columns") if name in ("left", "right") else (height, "rows")
            if padding >= size:
                raise ShapeError(
                    f"{self.where}: a {name} padding of {padding} does not fit an image of {size} {what}: beside its "
                    f"border there are {size} - 1 = {size - 1} to reflect; use at most {size - 1}, or zero_pad2d"
                )
        return super().infer()
