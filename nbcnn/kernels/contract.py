"""The contract of backends: signatures of kernels, and the methods of a backend's class.

Letters: C, O input and output channels; H, W input size; OH, OW output size; KH, KW kernel size; F features. All
arrays that kernels see are packs (..., 16), images innermost, float32 or float64, C-contiguous; weights are as PyTorch
has them. A kernel writes its whole output and changes nothing else; ``scratch`` is an array of at least
``workspace(problem)`` numbers, with anything in it. The problems of an op, with their shapes, stand in its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from nbcnn.util.lane_width import LANES as LANES

Kernel = Callable[..., object]


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


class Signature(NamedTuple):
    """The arguments of a kernel: the arrays that it reads, then those that it writes; last comes scratch."""

    kernel: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """All of them, in their order."""
        return (*self.reads, *self.writes, "scratch")


class WeightedKernels(NamedTuple):
    """Kernels of conv2d and linear. In a layer without a bias, ``b`` (O,) is zeros; ``db`` is written all the same."""

    forward: Kernel
    """(x, w, b, y, scratch)"""
    grad_input: Kernel
    """(dy, w, dx, scratch)"""
    grad_weight: Kernel
    """(x, dy, dw, db, scratch)"""

    @staticmethod
    def signatures() -> tuple[Signature, ...]:
        """Of each kernel."""
        return (
            Signature("forward", ("x", "w", "b"), ("y",)),
            Signature("grad_input", ("dy", "w"), ("dx",)),
            Signature("grad_weight", ("x", "dy"), ("dw", "db")),
        )


class ParameterFreeKernels(NamedTuple):
    """Kernels of ops without parameters: pooling and activations."""

    forward: Kernel
    """(x, y, scratch)"""
    grad_input: Kernel
    """(x, y, dy, dx, scratch)"""

    @staticmethod
    def signatures() -> tuple[Signature, ...]:
        """Of each kernel."""
        return (Signature("forward", ("x",), ("y",)), Signature("grad_input", ("x", "y", "dy"), ("dx",)))


class NormKernels(NamedTuple):
    """Kernels of ops that normalise each image, then multiply by ``w`` and add ``b``: ones and zeros without."""

    forward: Kernel
    """(x, w, b, y, scratch)"""
    grad_input: Kernel
    """(x, dy, w, dx, scratch)"""
    grad_weight: Kernel
    """(x, dy, dw, db, scratch)"""

    @staticmethod
    def signatures() -> tuple[Signature, ...]:
        """Of each kernel."""
        return (
            Signature("forward", ("x", "w", "b"), ("y",)),
            Signature("grad_input", ("x", "dy", "w"), ("dx",)),
            Signature("grad_weight", ("x", "dy"), ("dw", "db")),
        )


class ArrayType(NamedTuple):
    """An array that a kernel takes: its shape, its dtype, and whether its last axis is the 16 images of a pack."""

    shape: tuple[int, ...]
    dtype: str
    is_pack: bool


def array_type(problem: Any, name: str) -> ArrayType:
    """Of an array of a problem's kernels.

    x and dx are packs of ``problem.x_shape``, y and dy of ``y_shape``; w and dw have ``w_shape``, b and db the channels
    of y. A problem whose kernels take others besides has them in ``problem.arrays``.
    """
    own: dict[str, ArrayType] = getattr(problem, "arrays", {})
    if name in own:
        return own[name]
    if name in ("x", "dx"):
        return ArrayType((*problem.x_shape, LANES), problem.dtype, True)
    if name in ("y", "dy"):
        return ArrayType((*problem.y_shape, LANES), problem.dtype, True)
    return ArrayType(problem.w_shape if name in ("w", "dw") else problem.y_shape[:1], problem.dtype, False)


def arguments(
    problem: Any, signature: Signature, arrays: dict[str, Any], make: Callable[[ArrayType], Any]
) -> tuple[Any, ...]:
    """What to call a kernel with: those of ``arrays``, which keeps what ``make`` adds; scratch has to be there."""
    for name in signature.arguments:
        if name not in arrays:
            arrays[name] = make(array_type(problem, name))
    return tuple(arrays[name] for name in signature.arguments)


class OneImage(NamedTuple):
    """What a backend may offer besides: a forward pass of one image alone, by its method ``single(problem)``.

    A pack that holds one image does the work of 16. The arrays of this kernel have no last axis of 16, x is (C, H, W)
    or (F,), and its lanes hold 16 neighbours of one image. Its outputs must be the bits that ``forward`` gives of the
    same image in a pack, for the engine takes one or the other by the number of images; sums in the same order do
    that. Where any layer of a network has none, all images go in packs.
    """

    forward: Kernel
    """(x, w, b, y, scratch) or (x, y, scratch)"""
    workspace: int = 0
    """How many numbers of scratch it needs."""


class Backend(Protocol):
    """One way to compute an op. Its name is its file's name; the first line of its docstring is what listings show.

    It may also have ``cost(problem)``, a Cost (cost.py), where it does not do the formula's sums;
    ``tolerance(problem)``, the bound of its float32 error as a share of the plane's (one image's channel, one kernel)
    largest sum of absolute products, where its sums are not the formula's (else exact); ``single``, see OneImage.
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
