"""Base classes of layers: config, shape inference, parameters, and binding of kernels to buffers.

A layer never holds numbers. Its parameters live in the network's flat buffer, its activations in an engine's
buffers; ``bind`` ties one layer's kernels to such views and returns the calls that the engine makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, PrivateAttr

from nbcnn.errors import ConfigError, KernelError
from nbcnn.layers.calls import Bound as Bound
from nbcnn.layers.calls import Call as Call
from nbcnn.util.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from nbcnn.kernels.registry import Prepared

Shape = tuple[int, ...]


class LayerConfig(BaseModel):
    """Base class of layer configs; with kernels it has ``backend``. ``where`` is its place in the file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    positional: ClassVar[str | None] = None
    """The key that a bare value stands for: ``- sequential: [...]`` is ``- sequential: {layers: [...]}``."""

    _where: str = PrivateAttr("")
    _written_at: tuple[str | int, ...] = PrivateAttr(())

    @property
    def where(self) -> str:
        """``models/x.yaml:5:5: layers[2].conv2d``, or the key path alone for a config made in Python."""
        return self._where

    @property
    def written_at(self) -> tuple[str | int, ...]:
        """The keys that lead to where it is written, ``("layers", 2)``, inside ``blocks`` for one of a block; () if
        nobody wrote it.
        """
        return self._written_at

    def placed(self, where: str, written_at: tuple[str | int, ...] | None = None) -> LayerConfig:
        """Remember the place, and the keys that lead there where they are given; returns self."""
        self._where = where
        self._written_at = self._written_at if written_at is None else written_at
        return self

    def expanded(self) -> LayerConfig:
        """The layer that ``nbcnn expand`` writes in the place of this one; one of another kind gives the same bits."""
        return self


class Parameter(NamedTuple):
    """One parameter tensor: its shape as PyTorch has it, and what initialisation needs: fans, or the first value."""

    shape: Shape
    fan_in: int = 1
    fan_out: int = 1
    value: float | None = None
    """What all its numbers begin with, where none are drawn."""


class Buffer(NamedTuple):
    """A tensor that a layer keeps and no optimizer changes, such as a running mean: PyTorch's buffers.

    It is saved and loaded with the parameters; ``dtype`` is theirs where none is given.
    """

    shape: Shape
    start: float = 0
    dtype: str | None = None


class BufferProvider(Protocol):
    """The source of a layer's arrays when it is bound; each worker of an engine is one."""

    dtype: np.dtype[Any]
    place: np.ndarray
    """(2,) int64: the number of the pack in its batch, and how many images the batch has. Lanes beyond are blank."""
    step: np.ndarray
    """(2,) int64: the number of the training step, and the seed of the run."""
    evaluating: bool
    """With ``training``: bind gradients of what the layer does in evaluation (running statistics, no dropout)."""

    def pack(self, shape: Shape) -> np.ndarray:
        """A pack (*shape, 16). It holds anything until a call writes it: others may use its memory before and after.

        It keeps its numbers from the first call that has it among its arrays to the last, the backward ones included.
        """

    def image_numbers(self) -> np.ndarray:
        """(16,) int64: which image of the data set each lane holds; -1 in blank lanes."""

    def array(self, shape: Shape) -> np.ndarray:
        """An array of no images, with this shape as it is; else like ``pack``."""

    def shared(self, shape: Shape) -> np.ndarray:
        """Zeros that all workers have in common: only calls that are ``in_turn`` may write them."""

    def parameter(self, name: str) -> np.ndarray:
        """The view of a parameter or of another tensor that the network keeps, shared by all workers."""

    def gradient(self, name: str) -> np.ndarray:
        """The view of this worker's gradient of a parameter."""

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        """The kernels of a layer's backend for a problem; a refusal names the layer's place."""

    def scratch(self, floats: int) -> np.ndarray:
        """Scratch of at least so many numbers, shared by all layers of this worker."""


F = TypeVar("F", bound=Callable[..., Bound])


def for_one_image(bind: F) -> F:
    """Mark a ``bind`` that takes all arrays and kernels from its BufferProvider, and works without the last axis of 16.

    The mark is the function's: a subclass with a ``bind`` of its own has none until it says so.
    """
    bind.for_one_image = True  # type: ignore[attr-defined]
    return bind


def serves_one_image(layer: Layer) -> bool:
    """Whether a layer can be bound to arrays of one image (engine/single_image.py)."""
    return getattr(type(layer).bind, "for_one_image", False)


class Layer(ABC):
    """Base class of layers. Subclasses set ``Config`` and register under their YAML name.

    Shapes are those of one image: (C, H, W) or (F,). The constructor raises ShapeError when the input does not fit.
    """

    Config: ClassVar[type[LayerConfig]]
    op: ClassVar[str | None] = None
    """The op whose backends compute this layer; None for layers without arithmetic."""

    kind: str
    """The YAML name."""

    def __init__(self, kind: str, config: LayerConfig, in_shape: Shape, path: str) -> None:
        self.kind, self.config, self.in_shape, self.path = kind, config, in_shape, path
        self.out_shape: Shape = self.infer()

    @property
    def where(self) -> str:
        """Place for messages: file, line and key path, or the path in the network."""
        return self.config.where or f"layer {self.path} ({self.kind})"

    @property
    def backend(self) -> str | None:
        """The name of the chosen backend, or None for layers without kernels."""
        return (getattr(self.config, "backend", None) or "direct") if self.op else None

    @property
    def least_images(self) -> int:
        """How many images a batch must have to train this layer."""
        return 1

    @property
    def children(self) -> tuple[Layer, ...]:
        """The layers inside a composite layer."""
        return ()

    @abstractmethod
    def infer(self) -> Shape:
        """The output shape for ``in_shape``; raises ShapeError with the arithmetic."""

    @property
    def problem(self) -> Any:
        """The op's problem (contract.py), or None for layers without kernels."""
        return None

    def parameters(self) -> dict[str, Parameter]:
        """The layer's own parameters by name (``weight``, ``bias``), in PyTorch's order."""
        return {}

    def buffers(self) -> dict[str, Buffer]:
        """The layer's own tensors that are no parameters (``running_mean``), in PyTorch's order."""
        return {}

    @abstractmethod
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        """Bind the kernels to buffers. ``x`` is the input pack, ``dx`` where its gradient goes (None: not wanted)."""


def reshaped(layer: Layer, pack: np.ndarray, shape: Shape) -> np.ndarray:
    """The same memory in another shape; raises KernelError where that would be a copy, which nobody fills or reads."""
    view = pack.reshape(shape)
    if pack.size and view.__array_interface__["data"] != pack.__array_interface__["data"]:
        raise KernelError(
            f"{layer.where}: it is bound to a part of an array with gaps (shape {pack.shape}, strides {pack.strides}); "
            "bind it to a contiguous array, and copy with a call before it"
        )
    return view


LAYERS: Registry[type[Layer]] = Registry("layer", "nbcnn.layers", ConfigError, (Layer, {"Config": LayerConfig}))
