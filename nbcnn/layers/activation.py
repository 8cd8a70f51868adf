"""Activation layers (relu, sigmoid, tanh), elementwise: equations (11) to (13) of docs/math.md."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nbcnn.kernels.contract import ElementwiseProblem
from nbcnn.layers.base import LAYERS, Bound, BufferProvider, Layer, LayerConfig, Shape, for_one_image
from nbcnn.layers.parameter_free import bind_plain

if TYPE_CHECKING:
    import numpy as np


class ActivationConfig(LayerConfig):
    """No arguments but the backend."""

    backend: str | None = None


class Activation(Layer):
    """Any shape to the same shape."""

    Config = ActivationConfig

    def infer(self) -> Shape:
        return self.in_shape

    @property
    def problem(self) -> ElementwiseProblem:
        return ElementwiseProblem(self.kind, prod(self.in_shape))

    @for_one_image
    def bind(self, buffers: BufferProvider, x: np.ndarray, dx: np.ndarray | None, training: bool) -> Bound:
        return bind_plain(self, buffers, x, dx, training)


@LAYERS.register("relu")
class ReLU(Activation):
    """max(v, 0)"""

    op = "relu"


@LAYERS.register("sigmoid")
class Sigmoid(Activation):
    """1 / (1 + e**-v)"""

    op = "sigmoid"


@LAYERS.register("tanh")
class Tanh(Activation):
    """(e**v - e**-v) / (e**v + e**-v)"""

    op = "tanh"
