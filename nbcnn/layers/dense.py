"""The layer ``dense``: each layer in it sees the outputs of all before it (Huang et al. 2016, arXiv 1608.06993)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.errors import ShapeError
from nbcnn.layers.base import LAYERS, Bound, BufferProvider, Call, Layer, LayerConfig, Shape, for_one_image
from nbcnn.layers.calls import redirected
from nbcnn.layers.composite import Sequential, sequence
from nbcnn.layers.entries import LayerList
from nbcnn.layers.images import image_shape

if TYPE_CHECKING:
    import numpy as np


class DenseConfig(LayerConfig):
    """``- dense: [layer, layer, …]``; one that is made of several is a ``sequential``."""

    positional = "layers"
    layers: LayerList


@LAYERS.register("dense")
class Dense(Layer):
    """The input's channels, followed by those of each layer, which reads all channels before its own: equation (60).

    The channels lie in one array, in order, so that nothing is copied but the input.
    """

    Config = DenseConfig
    config: DenseConfig

    def infer(self) -> Shape:
        channels, *size = image_shape(self.where, self.in_shape)
        made = []
        for number, config in enumerate(self.config.layers):
            inside = sequence((config,))
            layer = Sequential("sequential", inside, (channels, *size), f"{self.path}.layers.{number}")
            made.append(layer)
            if len(layer.out_shape) != 3 or list(layer.out_shape[1:]) != size:
                place = config.where or f"layers[{number}]"
                raise ShapeError(
                    f"{self.where}: {place} gives {layer.out_shape} of {layer.in_shape}; in dense all layers keep rows "
                    f"and columns, here {size[0]}×{size[1]}, so that channels can be put side by side: padding: same"
                )
            channels += layer.out_shape[0]
        self._children = tuple(made)
        return (channels, *size)

    @property
    def children(self) -> tuple[Layer, ...]:
        return self._children

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        import numpy as np

        y = buffers.pack(self.out_shape)
        dy = buffers.pack(self.out_shape) if training else None
        first = self.in_shape[0]
        joined = Bound(y, dy, [self._call("forward", "copy", x, y[:first])])
        if dy is not None and dx is not None:
            joined.backward = [self._call("grad_input", "copy", dy[:first], dx)]
        learned = dx is not None
        for layer in self._children:
            last = first + layer.out_shape[0]
            own = buffers.pack(layer.in_shape) if training and learned else None
            bound = layer.bind(buffers, y[:first], own, training)
            if np.may_share_memory(bound.y, y):  # it hands its input on
                copied = [self._call("forward", "copy", bound.y, y[first:last])]
                back = [] if dy is None or own is None else [self._call("grad_input", "copy", dy[first:last], own)]
                bound = Bound(y[first:last], None, copied, back, outputs=bound.outputs)
            else:
                bound = redirected(bound, bound.y, y[first:last])
                if dy is not None and bound.dy is not None:
                    bound = redirected(bound, bound.dy, dy[first:last])
            joined.forward += bound.forward
            if dy is not None:
                sums = [] if own is None else [self._call("grad_input", "add", dy[:first], own, dy[:first])]
                joined.backward = [*bound.backward, *sums, *joined.backward]
            joined.after += bound.after
            joined.outputs |= bound.outputs
            learned = True
            first = last
        return joined

    def _call(self, direction: str, name: str, *arrays: np.ndarray) -> Call:
        from nbcnn.kernels import merge

        return Call(self.path, direction, getattr(merge, name), tuple(array.reshape(-1) for array in arrays))
