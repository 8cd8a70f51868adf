"""The fields of a layer's config that hold layers, found by their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from nbcnn.layers.base import LayerConfig


@dataclass(frozen=True)
class LayerFields:
    """What of a value is a layer: the value itself (``layer``), or what ``items``, ``values`` and ``fields`` say of a
    list's items, a mapping's values and a section's fields.
    """

    layer: bool = False
    items: LayerFields | None = None
    values: LayerFields | None = None
    fields: Mapping[str, LayerFields] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there may be layers."""
        return self.layer or bool(self.items or self.values or self.fields)

    def below(self, key: str | int) -> LayerFields:
        """The same of the item or value at ``key``."""
        found = self.items if isinstance(key, int) else self.fields.get(key) or self.values
        return found or NO_LAYERS

    def __or__(self, other: LayerFields) -> LayerFields:
        keys = {*self.fields, *other.fields}
        return LayerFields(
            self.layer or other.layer,
            _either(self.items, other.items),
            _either(self.values, other.values),
            {key: self.fields.get(key, NO_LAYERS) | other.fields.get(key, NO_LAYERS) for key in keys},
        )


NO_LAYERS = LayerFields()
LAYER_LIST = LayerFields(items=LayerFields(layer=True))


def layer_fields(model: type[BaseModel]) -> LayerFields:
    """Which fields of a config hold layers, composite layers of plugins included."""
    found = {name: _of_type(info.annotation) for name, info in model.model_fields.items()}
    return LayerFields(fields={name: fields for name, fields in found.items() if fields})


def _of_type(annotation: Any) -> LayerFields:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _of_type(arguments[0])
    if hasattr(annotation, "__value__"):  # type X = ...
        return _of_type(annotation.__value__)
    if origin in (Union, UnionType):
        return _any(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return LayerFields(values=_of_type(arguments[-1]) or None)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return LayerFields(items=_any(arguments) or None)
    if annotation is LayerConfig:
        return LayerFields(layer=True)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return layer_fields(annotation)
    return NO_LAYERS


def _any(annotations: tuple[Any, ...]) -> LayerFields:
    found = NO_LAYERS
    for annotation in annotations:
        found = found | _of_type(annotation)
    return found


def _either(one: LayerFields | None, other: LayerFields | None) -> LayerFields | None:
    return one | other if one and other else one or other
