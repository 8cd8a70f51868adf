"""The layer ``repeat``: a list of layers several times, one after the other, each time with parameters of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from nbcnn.layers.base import LAYERS, LayerConfig, Shape
from nbcnn.layers.composite import Sequential, SequentialConfig
from nbcnn.layers.entries import MAX_LAYERS, Flaw, LayerList, refuse


class RepeatConfig(LayerConfig):
    """``body`` is written once and stands for ``times`` lists of layers."""

    times: Annotated[int, Field(ge=1, le=MAX_LAYERS)]
    body: LayerList

    @model_validator(mode="after")
    def _bounded(self) -> RepeatConfig:
        each = sum(1 for _ in _layers_in(self.body))
        if self.times * each > MAX_LAYERS:
            words = f"expected fewer times: {self.times:,} · {each:,} layers are {self.times * each:,}, and at most "
            refuse(Flaw(("times",), f"{words}{MAX_LAYERS:,} are allowed", self.times))
        return self

    def expanded(self) -> LayerConfig:
        """A sequential of ``times`` sequentials with the body's layers."""
        return SequentialConfig(layers=tuple(SequentialConfig(layers=self.body) for _ in range(self.times)))


@LAYERS.register("repeat")
class Repeat(Sequential):
    """Names of parameters are those of nested ``nn.Sequential``: ``3.0.1.weight`` is of the first time's second layer.

    ``layers_of`` (engine/network.py) puts what it stands for in its place, so that each time may have other backends.
    """

    Config: ClassVar[type[LayerConfig]] = RepeatConfig  # type: ignore[assignment]

    def infer(self) -> Shape:
        self.config = self.config.expanded()  # type: ignore[assignment]
        return super().infer()


def _layers_in(value: Any) -> Iterator[LayerConfig]:
    """All layers inside a value that are not made of others, a repeated one as often as it stands for."""
    if isinstance(value, RepeatConfig):
        for _ in range(value.times):
            yield from _layers_in(value.body)
    elif isinstance(value, LayerConfig):
        inside = [layer for _, item in value for layer in _layers_in(item)]
        yield from inside or [value]
    elif isinstance(value, tuple):
        for item in value:
            yield from _layers_in(item)
