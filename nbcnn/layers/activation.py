"""Activation layers: one for each elementwise op (kernels/elementwise.py), equations (11) to (13) of docs/math.md."""

from __future__ import annotations

from math import prod

from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
from nbcnn.kernels.ops import built_in, op
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.parameter_free import ParameterFreeLayer


class ActivationConfig(LayerConfig):
    """No arguments but the backend."""

    backend: str | None = None


class Activation(ParameterFreeLayer):
    """Any shape to the same shape."""

    Config = ActivationConfig

    def infer(self) -> Shape:
        return self.in_shape

    @property
    def problem(self) -> ElementwiseProblem:
        return ElementwiseProblem(self.kind, prod(self.in_shape))


def _layer_of(definition: ActivationOp) -> type[Activation]:
    """The layer that an activation's op has."""
    said = {"op": definition.name, "__doc__": definition.__doc__, "__module__": __name__}
    return type(type(definition).__name__, (Activation,), said)


for _name in built_in():
    if isinstance(_definition := op(_name), ActivationOp):
        _layer = _layer_of(_definition)
        globals()[_layer.__name__] = LAYERS.register(_name)(_layer)  # so that pickle finds the class
