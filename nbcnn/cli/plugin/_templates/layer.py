"""A layer, LeakyReLU: v where v > 0, else negative_slope · v.

In a network file it stands as `- NAME`, or with arguments as `- NAME: {negative_slope: 0.2}`.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from nbcnn.plugin import Bound, BufferProvider, Call, Layer, LayerConfig, Shape, register
from nbcnn.plugin import kernel, load, splat, store, where


@kernel
def forward(x, y, slope):
    """x -> y, packs (F, 16): 16 images of F numbers. `load` takes one number of each image; nbcnn/lanes/words.py."""
    zero = splat(x.dtype.type(0))
    for f in range(x.shape[0]):
        v = load(x, (f,))
        store(y, (f,), where(v > zero, v, v * slope[0]))


@kernel
def grad_input(x, dy, dx, slope):
    """The input x and the gradient dy of the output -> dx, the gradient of the input"""
    zero = splat(x.dtype.type(0))
    for f in range(x.shape[0]):
        v = load(dy, (f,))
        store(dx, (f,), where(load(x, (f,)) > zero, v, v * slope[0]))


class MyConfig(LayerConfig):
    """What YAML may say: each field is a key with its type, its bounds and its default."""

    negative_slope: Annotated[float, Field(ge=0)] = 0.01


@register.layer()
class MyLayer(Layer):
    """Any shape to the same shape."""

    Config = MyConfig
    config: MyConfig

    def infer(self) -> Shape:
        """The shape of one image's output; raise ShapeError where the input does not fit."""
        return self.in_shape

    # A layer that learns also has parameters(), and takes room.parameter(...) and room.gradient(...) in bind():
    # nbcnn/layers/conv2d.py and nbcnn/layers/weighted.py show how.

    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        """Say which kernel is called on which arrays; nothing is computed here.

        x is the pack of inputs, dx where the gradient of x goes (None where nobody wants it).
        """
        y, slope = buffers.pack(self.out_shape), np.full(1, self.config.negative_slope, buffers.dtype)
        bound = Bound(y, None, [Call(self.path, "forward", forward, (flat(x), flat(y), slope))])
        if training:
            bound.dy = buffers.pack(self.out_shape)
            if dx is not None:
                arrays = (flat(x), flat(bound.dy), flat(dx), slope)
                bound.backward = [Call(self.path, "grad_input", grad_input, arrays)]
        return bound


def flat(pack: np.ndarray) -> np.ndarray:
    """(C, H, W, 16) or (F, 16), seen as (F, 16)."""
    return pack.reshape(-1, pack.shape[-1])
