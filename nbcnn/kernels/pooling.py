"""Pooling ops, max and average: their problem, and the base class of their definitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import ParameterFreeKernels
from nbcnn.kernels.op import SIZES, STRIDES, Case, Op, onnx_window, window_step, window_words
from nbcnn.kernels.shapes import Pair, Sides, output_size

LEAST_COMMON = 2520
"""Divisible by every count up to 10, so that a mean of few multiples of it is a whole number."""


@dataclass(frozen=True)
class Pool2dProblem:
    """Pooling of (C, H, W) to (C, OH, OW), equations (6) and (7). Padding: top, bottom, left, right.
    With ``ceil_mode`` the last windows may reach beyond the padding; what they meet there is not counted.
    """

    kernels: ClassVar[type[NamedTuple]] = ParameterFreeKernels
    op: str
    channels: int
    height: int
    width: int
    kernel_size: Pair
    stride: Pair
    padding: Sides = (0, 0, 0, 0)
    count_include_pad: bool = True
    dtype: str = "float32"
    dilation: Pair = (1, 1)
    ceil_mode: bool = False
    divisor_override: int | None = None  # D of equation (7) in every window, where given

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(C, H, W)"""
        return (self.channels, self.height, self.width)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(C, OH, OW), equation (2)."""
        (kh, kw), (sh, sw), (dh, dw) = self.kernel_size, self.stride, self.dilation
        top, bottom, left, right = self.padding
        return (
            self.channels,
            output_size(self.height, kh, sh, top, bottom, dh, self.ceil_mode),
            output_size(self.width, kw, sw, left, right, dw, self.ceil_mode),
        )

    @property
    def macs(self) -> int:
        """No multiplications that count."""
        return 0


class PoolingOp(Op):
    """Windows of each channel to one number each. ``ways`` are the numbers of its own that its grid goes through."""

    problem = Pool2dProblem
    largest, factor = 2, LEAST_COMMON  # few different numbers, and means that are whole
    ways: tuple[dict[str, Any], ...] = ({},)

    def cases(self) -> Iterator[Case]:
        kernels = ((1, 1), (2, 2), (3, 3), (3, 2), (1, 3))
        axes = product(kernels, STRIDES, (0, 1), self.ways, (False, True))
        for number, (kernel, stride, padding, way, ceil_mode) in enumerate(axes):
            size = SIZES[number % len(SIZES)]
            if padding <= min(kernel) / 2:  # no window may lie in the padding alone
                numbers = (2, *size, kernel, (stride,) * 2, (padding,) * 4)
                yield Case(replace(Pool2dProblem(self.name, *numbers, ceil_mode=ceil_mode), **way))

    def tiny(self) -> list[Any]:
        problems = (
            Pool2dProblem(self.name, 2, 4, 6, (2, 2), (2, 2)),
            Pool2dProblem(self.name, 1, 7, 6, (3, 3), (2, 2)),
            Pool2dProblem(self.name, 2, 5, 4, (3, 3), (2, 1), (1, 1, 1, 1)),
            Pool2dProblem(self.name, 1, 5, 5, (3, 2), (2, 2), (1, 0, 0, 1), count_include_pad=False),
        )
        return [replace(problem, dtype="float64") for problem in problems]

    def busy(self) -> list[Any]:
        return [Pool2dProblem(self.name, 6, 20, 20, (3, 3), (2, 2), (1, 1, 1, 1))]

    def small(self) -> list[Any]:
        overlapping = Pool2dProblem(self.name, 2, 5, 5, (3, 3), (2, 2), (1, 1, 1, 1))
        return [Pool2dProblem(self.name, 2, 4, 6, (2, 2), (2, 2)), overlapping]

    def words(self, problem: Pool2dProblem, bias: bool) -> str:
        p = problem
        more = " ceil_mode" * p.ceil_mode + " padding not counted" * (not p.count_include_pad)
        more += f" divisor {p.divisor_override}" if p.divisor_override else ""
        return f"{window_words(p)}{more} ({p.channels} channels, {p.height}×{p.width} pixels, {p.dtype})"

    def layers(self, backend: str) -> list[list[Any]]:
        head = {"conv2d": {"out_channels": 2, "kernel_size": 3}}
        own = {self.name: {"kernel_size": 2, "stride": 1, "backend": backend}}
        return [[head, own, "tanh", "flatten", {"linear": {"out_features": 3}}]]

    def step(self, problem: Pool2dProblem) -> dict[str, Any]:
        numbers = {name: getattr(problem, name) for name in ("ceil_mode", "count_include_pad", "divisor_override")}
        return {**super().step(problem), **window_step(problem), **numbers}

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        return self.onnx, {**onnx_window(step), "ceil_mode": int(step["ceil_mode"])}
