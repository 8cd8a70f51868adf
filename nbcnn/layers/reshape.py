"""Layers that change the shape and copy nothing: ``flatten``."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nbcnn.layers.base import LAYERS, Bound, BufferProvider, Layer, LayerConfig, Shape, for_one_image, reshaped

if TYPE_CHECKING:
    import numpy as np


class FlattenConfig(LayerConfig):
    """No arguments."""


@LAYERS.register("flatten")
class Flatten(Layer):
    """(C, H, W) to (C·H·W,), channel by channel and row by row as PyTorch does."""

    Config = FlattenConfig

    def infer(self) -> Shape:
        return (prod(self.in_shape),)

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        flat = (*self.out_shape, *x.shape[len(self.in_shape) :])
        return Bound(reshaped(self, x, flat), None if dx is None else reshaped(self, dx, flat), [])
