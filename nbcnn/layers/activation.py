"""Activation layers: one for each elementwise op (kernels/elementwise.py), equations (11) to (13) and (41) to (45) of
docs/math.md.
"""

from __future__ import annotations

from dataclasses import fields
from math import prod
from typing import Any, get_type_hints

from pydantic import create_model

from nbcnn.kernels.elementwise import ActivationOp, AtLeast0, ElementwiseProblem
from nbcnn.kernels.ops import OPS, built_in, op
from nbcnn.layers import fields as of_config
from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.parameter_free import ParameterFreeLayer


class ActivationConfig(LayerConfig):
    """The backend; the arguments of an activation are those of its problem (``_config_of``)."""

    backend: str | None = None


class Activation(ParameterFreeLayer):
    """Any shape to the same shape."""

    Config = ActivationConfig

    def infer(self) -> Shape:
        return self.in_shape

    @property
    def problem(self) -> ElementwiseProblem:
        made = op(self.op).problem if self.op and self.op in OPS else ElementwiseProblem
        own = {name: value for name, value in self.config if name in _own_fields(made)}
        return made(self.kind, prod(self.in_shape), **own)


def _own_fields(problem: type[ElementwiseProblem]) -> dict[str, Any]:
    """The fields that a problem has besides those of all elementwise problems, and their defaults."""
    known = {one.name for one in fields(ElementwiseProblem)}
    return {one.name: one.default for one in fields(problem) if one.name not in known}


def _layer_of(definition: ActivationOp) -> type[Activation]:
    """The layer that an activation's op has."""
    config = _config_of(type(definition).__name__, definition.problem)
    said = {"op": definition.name, "Config": config, "__doc__": definition.__doc__, "__module__": __name__}
    return type(type(definition).__name__, (Activation,), said)


def _config_of(name: str, problem: type[ElementwiseProblem]) -> type[ActivationConfig]:
    """A config whose keys are the problem's own fields, in their order, and the backend."""
    hints = get_type_hints(problem, include_extras=True)
    own: dict[str, Any] = {
        name: (of_config.AtLeast0 if hints[name] == AtLeast0 else hints[name], default)
        for name, default in _own_fields(problem).items()
    }
    if not own:
        return ActivationConfig
    made = create_model(f"{name}Config", __base__=ActivationConfig, __module__=__name__, **own)
    made.__doc__ = f"The arguments of {name}, and the backend."
    return made


for _name in built_in():
    if isinstance(_definition := op(_name), ActivationOp):
        _layer = _layer_of(_definition)
        globals()[_layer.Config.__name__] = _layer.Config  # so that pickle finds both classes
        globals()[_layer.__name__] = LAYERS.register(_name)(_layer)
