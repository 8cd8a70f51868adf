"""The problem of conv2d: its numbers, its shapes and its multiply-accumulate steps."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, NamedTuple

from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.shapes import Pair, Sides, output_size


@dataclass(frozen=True)
class Conv2dProblem:
    """Cross-correlation, equation (1): x (C, H, W) with w (O, C/groups, KH, KW) to y (O, OH, OW).

    Padding: top, bottom, left, right.
    """

    op: ClassVar[str] = "conv2d"
    kernels: ClassVar[type[NamedTuple]] = WeightedKernels
    in_channels: int
    out_channels: int
    height: int
    width: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    dtype: str = "float32"

    @property
    def out_height(self) -> int:
        """OH, equation (2)."""
        return output_size(
            self.height, self.kernel_size[0], self.stride[0], self.padding[0], self.padding[1], self.dilation[0]
        )

    @property
    def out_width(self) -> int:
        """OW, equation (2)."""
        return output_size(
            self.width, self.kernel_size[1], self.stride[1], self.padding[2], self.padding[3], self.dilation[1]
        )

    @property
    def padded_size(self) -> Pair:
        """Rows and columns of x with its padding."""
        top, bottom, left, right = self.padding
        return self.height + top + bottom, self.width + left + right

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(C, H, W)"""
        return (self.in_channels, self.height, self.width)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(O, OH, OW)"""
        return (self.out_channels, self.out_height, self.out_width)

    @property
    def w_shape(self) -> tuple[int, ...]:
        """(O, C/groups, KH, KW)"""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def macs(self) -> int:
        """Multiply-accumulate steps for one image: every output times the taps that it sums."""
        return prod(self.y_shape) * prod(self.w_shape[1:])
