"""Layers made of layers: ``sequential``. A network is the outermost one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

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


def sequence(layers: tuple[LayerConfig, ...]) -> SequentialConfig:
    """A config of these very layers; validation, which they have gone through, would copy them.

    So a layer's config is an object in its network's config, where ``with_backends`` (engine/network.py) finds it.
    """
    return SequentialConfig.model_construct(layers=layers)


def written_out(value: Any) -> Any:
    """A layer's config, or a value that may hold such, with those in it that stand for others written out.

    Every config in the result is an object of its own.
    """
    if isinstance(value, tuple):
        return tuple(written_out(item) for item in value)
    if isinstance(value, dict):
        return {key: written_out(item) for key, item in value.items()}
    if not isinstance(value, LayerConfig):
        return value
    if (other := value.expanded()) is not value:
        return written_out(other)
    return value.model_copy(update={name: written_out(item) for name, item in value})


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
        outputs: dict[str, tuple[np.ndarray, np.ndarray | None]] = {}
        learned = dx is not None
        for layer in self._children:
            with no_memory_error(layer.where, "use less padding, fewer channels or smaller images"):
                bound = layer.bind(buffers, x, dx, training)
            forward += bound.forward
            backward = bound.backward + backward
            after += bound.after
            outputs |= bound.outputs | {layer.path: (bound.y, bound.dy)}
            learned = learned or bool(all_parameters(layer))
            x, dx = bound.y, bound.dy if learned else None
        return Bound(x, dx, forward, backward, after, outputs)


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
