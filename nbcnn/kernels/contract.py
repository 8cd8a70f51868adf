"""What every op computes and what a backend owes: problems (one op with its numbers) and signatures of kernels.

Shapes and their arithmetic are written here, once. Letters: C, O input and output channels; H, W input size; OH, OW
output size; KH, KW kernel size; F features. All arrays that kernels see are packs (..., 16), images innermost,
float32 or float64, C-contiguous; weights are as PyTorch has them. A kernel writes its whole output and changes
nothing else; ``scratch`` is an array of at least ``workspace(problem)`` numbers, with anything in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, NamedTuple, Protocol

from nbcnn.kernels.shapes import Pair, Sides, output_size

Kernel = Callable[..., object]
LANES = 16


class KernelWithAttributes:
    """A compiled kernel whose last arguments, whole numbers and tuples of them, are those of the problem.

    A backend made of these, or of compiled kernels as they are, runs without Python between its calls
    (engine/call_list.py).
    """

    def __init__(self, kernel: Kernel, *attributes: Any) -> None:
        self.kernel, self.attributes = kernel, attributes

    def __call__(self, *arrays: Any) -> None:
        """Run the kernel."""
        self.kernel(*arrays, *self.attributes)


def unfolded(kernel: Kernel, arrays: tuple[Any, ...]) -> tuple[Kernel, tuple[Any, ...]]:
    """A kernel and all its arguments, those that are fixed included."""
    if isinstance(kernel, KernelWithAttributes):
        return kernel.kernel, (*arrays, *kernel.attributes)
    return kernel, tuple(arrays)


class WeightedKernels(NamedTuple):
    """Kernels of conv2d and linear. In a layer without a bias, ``b`` (O,) is zeros; ``db`` is written all the same."""

    forward: Kernel
    """(x, w, b, y, scratch)"""
    grad_input: Kernel
    """(dy, w, dx, scratch)"""
    grad_weight: Kernel
    """(x, dy, dw, db, scratch)"""


class ParameterFreeKernels(NamedTuple):
    """Kernels of ops without parameters: pooling and activations."""

    forward: Kernel
    """(x, y, scratch)"""
    grad_input: Kernel
    """(x, y, dy, dx, scratch)"""


class LossKernels(NamedTuple):
    """Kernels of a loss: ``labels`` (16,) int64; ``scale`` (16,) is each image's weight, 0 for a blank one."""

    forward: Kernel
    """(x, labels, losses, guesses, scratch): the loss and the most likely class of each image, (16,) each"""
    grad_input: Kernel
    """(x, labels, scale, dx, scratch): the gradient of sum(scale · loss)"""


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


@dataclass(frozen=True)
class LinearProblem:
    """y = W x + b, equation (8): x (F,) with w (O, F) to y (O,)."""

    op: ClassVar[str] = "linear"
    kernels: ClassVar[type[NamedTuple]] = WeightedKernels
    in_features: int
    out_features: int
    dtype: str = "float32"

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(F,)"""
        return (self.in_features,)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(O,)"""
        return (self.out_features,)

    @property
    def w_shape(self) -> tuple[int, ...]:
        """(O, F)"""
        return (self.out_features, self.in_features)

    @property
    def macs(self) -> int:
        """Multiply-accumulate steps for one image."""
        return self.in_features * self.out_features


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


@dataclass(frozen=True)
class ElementwiseProblem:
    """An activation on (F,) numbers an image: x and y are packs (F, 16)."""

    kernels: ClassVar[type[NamedTuple]] = ParameterFreeKernels
    op: str
    features: int
    dtype: str = "float32"

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(F,)"""
        return (self.features,)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(F,)"""
        return (self.features,)

    @property
    def macs(self) -> int:
        """No multiplications that count."""
        return 0


@dataclass(frozen=True)
class LossProblem:
    """A loss on (K,) class scores an image."""

    op: ClassVar[str] = "cross_entropy"
    kernels: ClassVar[type[NamedTuple]] = LossKernels
    classes: int
    dtype: str = "float32"


class Backend(Protocol):
    """One way to compute an op. Its name is its file's name; the first line of its docstring is what listings show.

    It may also have ``cost(problem)``, a Cost (cost.py), where it does not do the formula's sums;
    ``tolerance(problem)``, the bound of its float32 error as a share of the plane's (one image's channel, one kernel)
    largest sum of absolute products, where its sums are not the formula's (else exact); ``single``, see one_image.py.
    """

    def supports(self, problem: Any) -> str | None:
        """None, or the reason why this backend can't do the problem."""

    def workspace(self, problem: Any) -> int:
        """How many numbers of scratch its kernels need."""

    def build(self, problem: Any) -> Any:
        """The kernels of the problem, as the tuple that ``problem.kernels`` names."""


class SimpleBackend:
    """A backend that takes every problem and needs no scratch."""

    def supports(self, problem: Any) -> None:
        """Everything."""

    def workspace(self, problem: Any) -> int:
        """Nothing."""
        return 0
