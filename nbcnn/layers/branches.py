"""Layers with branches: ``residual`` and ``parallel``, and ``identity``, a branch of no layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from nbcnn.errors import ShapeError
from nbcnn.layers.base import LAYERS, Bound, BufferProvider, Layer, LayerConfig, Shape, for_one_image
from nbcnn.layers.composite import Sequential, sequence
from nbcnn.layers.entries import LayerList
from nbcnn.layers.merges import Branch, Join

if TYPE_CHECKING:
    import numpy as np


class IdentityConfig(LayerConfig):
    """No arguments."""


@LAYERS.register("identity")
class Identity(Layer):
    """Its input, unchanged: a branch without layers."""

    Config = IdentityConfig

    def infer(self) -> Shape:
        return self.in_shape

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        return Bound(x, dx, [])


class Branches(Layer):
    """The base class of layers whose branches read the same input and are joined."""

    _branches: tuple[Sequential, ...]

    @property
    def children(self) -> tuple[Layer, ...]:
        return self._branches

    def branch(self, layers: tuple[LayerConfig, ...], name: str) -> Sequential:
        """A branch of these layers; ``name`` is its attribute in PyTorch."""
        return Sequential("sequential", sequence(layers), self.in_shape, f"{self.path}.{name}")

    def bind_branches(
        self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool
    ) -> tuple[Join, list[Branch]]:
        """Every branch bound to the input, and what they are to become."""
        import numpy as np

        join = Join(
            self.path,
            self.out_shape,
            buffers.pack(self.out_shape),
            buffers.pack(self.out_shape) if training else None,
            dx,
        )
        branches = []
        for number, layer in enumerate(self._branches):
            own = dx if number == 0 or dx is None else buffers.pack(self.in_shape)
            bound = layer.bind(buffers, x, own, training)
            branches.append(Branch(bound, own, np.may_share_memory(bound.y, x)))
        return join, branches


class ResidualConfig(LayerConfig):
    """``body`` is added to ``shortcut``, which is the input itself where no layers are given."""

    body: LayerList
    shortcut: LayerList | None = None


@LAYERS.register("residual")
class Residual(Branches):
    """body(x) + shortcut(x): a skip connection, equation (59) of docs/math.md (He et al. 2015, arXiv 1512.03385)."""

    Config = ResidualConfig
    config: ResidualConfig

    def infer(self) -> Shape:
        body, layers = self.branch(self.config.body, "body"), self.config.shortcut
        shortcut = self.branch(layers or (IdentityConfig().placed("identity"),), "shortcut")
        self._branches = body, shortcut
        if body.out_shape != shortcut.out_shape:
            raise ShapeError(
                f"{self.where}: {_mismatch(self.in_shape, body.out_shape, shortcut.out_shape, bool(layers))}"
            )
        return body.out_shape

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        join, branches = self.bind_branches(buffers, x, dx, training)
        return join.add(branches)


class ParallelConfig(LayerConfig):
    """``branches`` are lists of layers; ``merge`` is how their outputs become one."""

    branches: Annotated[tuple[LayerList, ...], Field(strict=False, min_length=2, max_length=64)]
    merge: Literal["concat", "add", "multiply"]


@LAYERS.register("parallel")
class Parallel(Branches):
    """Branches side by side: their channels one after the other, or their sum, or the product of two.

    In a product the second may be (C, 1, 1): a factor for each channel, as of squeeze and excitation.
    """

    Config = ParallelConfig
    config: ParallelConfig

    def infer(self) -> Shape:
        made = tuple(self.branch(layers, f"branches.{number}") for number, layers in enumerate(self.config.branches))
        self._branches, shapes = made, [branch.out_shape for branch in made]
        if self.config.merge == "concat":
            if any(shape[1:] != shapes[0][1:] or len(shape) != len(shapes[0]) for shape in shapes):
                raise ShapeError(
                    f"{self.where}: {_unlike(shapes)} can't be concatenated: rows and columns must be equal"
                )
            return (sum(shape[0] for shape in shapes), *shapes[0][1:])
        if self.config.merge == "multiply":
            return self._product_shape(shapes)
        if any(shape != shapes[0] for shape in shapes):
            raise ShapeError(f"{self.where}: {_unlike(shapes)} can't be added: all must be equal")
        return shapes[0]

    def _product_shape(self, shapes: list[Shape]) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"{self.where}: merge: multiply takes 2 branches, got {len(shapes)}")
        a, s = shapes
        if s not in (a, (a[0],) + (1,) * (len(a) - 1)):
            raise ShapeError(
                f"{self.where}: {_unlike(shapes)} can't be multiplied: the second must be like the first, or have "
                f"{(a[0],) + (1,) * (len(a) - 1)}, one factor a channel"
            )
        return a

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        join, branches = self.bind_branches(buffers, x, dx, training)
        if self.config.merge == "concat":
            return join.concat(branches, [branch.out_shape[0] for branch in self._branches])
        return join.add(branches) if self.config.merge == "add" else join.multiply(*branches)


def _unlike(shapes: list[Shape]) -> str:
    """``branches of shapes (8, 14, 14) and (8, 7, 7)``"""
    return f"branches of shapes {', '.join(map(str, shapes[:-1]))} and {shapes[-1]}"


def _mismatch(x: Shape, body: Shape, shortcut: Shape, given: bool) -> str:
    """Why a residual's sum can't be made, and the shortcut that mends it where there is one."""
    had = f"the body gives {body} and the shortcut {shortcut}, which can't be added"
    if len(x) != 3 or len(body) != 3:
        return f"{had}; both must have the same shape"
    strides = [-(-before // after) for before, after in zip(x[1:], body[1:], strict=True)]
    fits = all((before - 1) // step + 1 == after for before, after, step in zip(x[1:], body[1:], strides, strict=True))
    if not fits:
        return f"{had}; pad the body's convolutions so that its rows and columns are those of the input, or divide them"
    stride: Any = strides[0] if strides[0] == strides[1] else strides
    argument = "" if stride == 1 else f", stride: {stride}"
    words = f"shortcut: [{{conv2d: {{out_channels: {body[0]}, kernel_size: 1{argument}}}}}]"
    return f"{had}; {'this' if given else 'a 1×1 convolution'} makes it fit: {words}"
