"""Layers made of layers: ``sequential``. A network is the outermost one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from nbcnn.layers.base import (
    LAYERS,
    Bound,
    Buffer,
    BufferProvider,
    Call,
    Layer,
    LayerConfig,
    Parameter,
    Shape,
    for_one_image,
)
from nbcnn.layers.entries import LayerList, kind_of
from nbcnn.util.memory import no_memory_error

if TYPE_CHECKING:
    import numpy as np


class SequentialConfig(LayerConfig):
    """``- sequential: [layer, layer, …]``"""

    positional: ClassVar[str] = "layers"
    layers: LayerList


@LAYERS.register("sequential")
class Sequential(Layer):
    """One layer after the other; names of parameters are those of a nested PyTorch ``nn.Sequential``."""

    Config = SequentialConfig
    config: SequentialConfig

    def infer(self) -> Shape:
        shape = self.in_shape
        self._children: list[Layer] = []
        for index, config in enumerate(self.config.layers):
            path = f"{self.path}.{index}" if self.path else str(index)
            kind = kind_of(config)
            layer = LAYERS.get(kind)(kind, config, shape, path)
            self._children.append(layer)
            shape = layer.out_shape
        return shape

    @property
    def children(self) -> tuple[Layer, ...]:
        return tuple(self._children)

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        forward: list[Call] = []
        backward: list[Call] = []
        after: list[Call] = []
        learned = dx is not None
        for layer in self._children:
            with no_memory_error(layer.where, "use less padding, fewer channels or smaller images"):
                bound = layer.bind(buffers, x, dx, training)
            forward += bound.forward
            backward = bound.backward + backward
            after += bound.after
            learned = learned or bool(all_parameters(layer))
            x, dx = bound.y, bound.dy if learned else None
        return Bound(x, dx, forward, backward, after)


def all_parameters(layer: Layer) -> dict[str, Parameter]:
    """Parameters of a layer and of the layers in it, by full name."""
    return {name: tensor for name, tensor in all_tensors(layer).items() if isinstance(tensor, Parameter)}


def all_tensors(layer: Layer) -> dict[str, Parameter | Buffer]:
    """Parameters and buffers of a layer and of the layers in it, by full name, in PyTorch's order."""
    own: dict[str, Parameter | Buffer] = {**layer.parameters(), **layer.buffers()}
    found = {f"{layer.path}.{name}": tensor for name, tensor in own.items()}
    for child in layer.children:
        found |= all_tensors(child)
    return found
