"""Max and average pooling layers: equations (6) and (7) of docs/math.md."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from nbcnn.errors import ShapeError
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.shapes import LARGEST, first_blind, four_sides, pooling_padding_flaw
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.fields import PaddingSides, PositivePair
from nbcnn.layers.images import image_shape, output_shape
from nbcnn.layers.parameter_free import ParameterFreeLayer
from nbcnn.util.model_values import model_values


class Pool2dConfig(LayerConfig):
    """PyTorch's names; ``stride`` is the kernel size where none is given, so that windows do not overlap."""

    kernel_size: PositivePair
    stride: PositivePair | None = None
    padding: PaddingSides = (0, 0)

    @model_validator(mode="after")
    def _padding_is_not_too_wide(self) -> Pool2dConfig:
        if flaw := pooling_padding_flaw(self.padding, self.kernel_size, getattr(self, "dilation", (1, 1))):
            raise ValueError(flaw)
        return self


class MaxPool2dConfig(Pool2dConfig):
    """``ceil_mode``: sizes are rounded up, and the last windows may reach beyond the padding."""

    dilation: PositivePair = (1, 1)
    ceil_mode: bool = False
    backend: str | None = None


class AvgPool2dConfig(Pool2dConfig):
    """``count_include_pad``: padding zeros count in the divisor."""

    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    backend: str | None = None

    @model_validator(mode="after")
    def _nothing_is_divided_by_zero(self) -> AvgPool2dConfig:
        if self.divisor_override == 0:
            raise ValueError("divisor_override is 0; expected a whole number other than 0, or null")
        if abs(self.divisor_override or 1) > LARGEST:
            raise ValueError(f"divisor_override is {self.divisor_override}; expected one of at most ±{LARGEST:,}")
        return self


class Pool2d(ParameterFreeLayer):
    """(C, H, W) to (C, OH, OW)."""

    op: ClassVar[str]
    config: Pool2dConfig

    @property
    def problem(self) -> Pool2dProblem:
        c, (channels, height, width) = self.config, image_shape(self.where, self.in_shape)
        stride = c.stride or c.kernel_size
        sides = four_sides(c.padding, (height, width), c.kernel_size, stride)
        own = model_values(c, "python", exclude={"kernel_size", "stride", "padding", "backend"})
        return Pool2dProblem(self.op, channels, height, width, c.kernel_size, stride, sides, **own)

    def infer(self) -> Shape:
        return output_shape(self.where, "window", self.problem)


@LAYERS.register("max_pool2d")
class MaxPool2d(Pool2d):
    """The largest pixel of each window; padding never wins."""

    Config = MaxPool2dConfig
    op = "max_pool2d"
    config: MaxPool2dConfig

    def infer(self) -> Shape:
        shape = super().infer()
        p, names = self.problem, ("row", "column")
        for axis, (name, size, count) in enumerate(zip(names, self.in_shape[1:], shape[1:], strict=True)):
            window = p.kernel_size[axis], p.stride[axis], p.padding[2 * axis], p.dilation[axis]
            if (index := first_blind(size, *window, count)) is not None:
                first = index * p.stride[axis] - p.padding[2 * axis]
                taps = range(first, first + p.dilation[axis] * p.kernel_size[axis], p.dilation[axis])
                more = ", …" if len(taps) > 8 else ""
                raise ShapeError(
                    f"{self.where}: {name} {index} of the output has no pixel to choose from: its window looks at "
                    f"{name}s {', '.join(map(str, taps[:8]))}{more} of an input that has {name}s 0 to {size - 1}; "
                    "use less dilation or less padding"
                )
        return shape


@LAYERS.register("avg_pool2d")
class AvgPool2d(Pool2d):
    """The mean of each window."""

    Config = AvgPool2dConfig
    op = "avg_pool2d"
    config: AvgPool2dConfig
