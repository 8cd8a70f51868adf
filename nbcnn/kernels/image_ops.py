"""Base classes of padding, upsampling, blurring and adaptive pooling: problems and op definitions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import ParameterFreeKernels
from nbcnn.kernels.op import Op

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ImageProblem:
    """(C, H, W) to (C, OH, OW), each channel for itself. A subclass says which input pixels an output depends on."""

    kernels: ClassVar[type[NamedTuple]] = ParameterFreeKernels
    op: str
    channels: int
    height: int
    width: int
    dtype: str = field(default="float32", kw_only=True)

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(C, H, W)"""
        return (self.channels, self.height, self.width)

    @property
    def macs(self) -> int:
        """No multiplications that count."""
        return 0

    @property
    def words(self) -> str:
        """What it does to the image, as summaries have it: ``+1``, ``×2``."""
        raise NotImplementedError

    def jump(self, axis: int) -> Fraction:
        """How many input rows (axis 0) or columns (1) neighbouring outputs are apart."""
        return Fraction(1)

    def reach(self, axis: int, first: Any, last: Any) -> tuple[Any, Any]:
        """The first and the last input row (column) that outputs first to last depend on, if there were no borders."""
        raise NotImplementedError

    def seen(self, axis: int, outputs: np.ndarray) -> np.ndarray:
        """The input rows (columns) that some of these outputs depend on, sorted."""
        raise NotImplementedError


class ImageOp(Op):
    """An op on images; a subclass has the problems that it is tried on in ``problems``."""

    problem: type[Any] = ImageProblem

    def problems(self) -> list[ImageProblem]:
        """Small ones, in float32, such that each number that matters has an end of its own."""
        raise NotImplementedError

    def arguments(self, problem: Any) -> dict[str, Any]:
        """Of the layer: as in YAML, and as PyTorch's module takes them."""
        raise NotImplementedError

    def cases(self) -> Any:
        from nbcnn.kernels.op import Case

        return (Case(problem) for problem in self.problems())

    def tiny(self) -> list[Any]:
        return [replace(problem, dtype="float64") for problem in self.problems() if problem.height < 7][:5]

    def busy(self) -> list[Any]:
        return [replace(self.problems()[0], channels=16, height=24, width=20)]

    def small(self) -> list[Any]:
        return self.problems()[:2]

    def words(self, problem: Any, bias: bool) -> str:
        p, numbers = problem, ", ".join(f"{name} {value}" for name, value in self.arguments(problem).items())
        return f"{numbers} ({p.channels} channels, {p.height}×{p.width} pixels, {p.dtype})"

    def layers(self, backend: str) -> list[list[Any]]:
        head = {"conv2d": {"out_channels": 2, "kernel_size": 2}}  # of images of 6×5 pixels: 5×4
        own = {self.name: {**self.arguments(self.problems()[0]), "backend": backend}}
        return [[head, own, "tanh", "flatten", {"linear": {"out_features": 3}}]]

    def step(self, problem: Any) -> dict[str, Any]:
        return {**super().step(problem), "arguments": self.arguments(problem), "size": list(problem.x_shape)}
