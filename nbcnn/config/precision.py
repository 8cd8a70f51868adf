"""Checks of numbers that change in float32: 1e-46 becomes 0 there, 0.99999999 becomes 1."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from nbcnn.config.messages import constraints
from nbcnn.layers.base import LayerConfig
from nbcnn.layers.entries import Flaw, Loc, kind_of

SMALLEST = 2.0**-126
"""The smallest float32 with all its digits: below it numbers lose them one by one, until they are 0 at 7e-46."""
LARGEST = (2 - 2.0**-23) * 2.0**127
_WHERE = "float32, in which nbcnn computes"


def precision_flaws(model: BaseModel, loc: Loc) -> Iterator[Flaw]:
    """The floats anywhere inside a config that float32 can't hold, or that would break its bounds once rounded."""
    for name in type(model).model_fields:
        yield from _flaws(model, (name,), getattr(model, name), loc)


def _flaws(model: BaseModel, below: Loc, value: Any, loc: Loc) -> Iterator[Flaw]:
    """Those of a value that is ``below`` a model (its field, and places in a list), which itself is at ``loc``."""
    if isinstance(value, BaseModel):
        own = (kind_of(value),) if isinstance(value, LayerConfig) else ()
        yield from precision_flaws(value, (*loc, *below, *own))
    elif isinstance(value, (tuple, list)):
        for index, item in enumerate(value):
            yield from _flaws(model, (*below, index), item, loc)
    elif isinstance(value, float) and (flaw := float32_flaw(value, constraints(model, str(below[0]), below[1:]))):
        yield Flaw((*loc, *below), flaw, value)


def scaling_flaws(means: tuple[float, ...], stds: tuple[float, ...]) -> Iterator[Flaw]:
    """Errors in the numbers that pixels are scaled by: 1 / (255 std) and mean / std."""
    for index, std in enumerate(stds):
        if 1 / (255 * std) < SMALLEST:
            yield Flaw(("std", index), f"{std:g} is too large: float32 has no number as small as a pixel divided by it")
    channels = max(len(means), len(stds))
    for mean, std in zip(means * (channels // len(means)), stds * (channels // len(stds)), strict=True):
        if abs(mean) / std > LARGEST:
            yield Flaw(("mean",), f"mean {mean:g} divided by std {std:g} is larger than any float32 ({LARGEST:.2g})")


def float32_flaw(value: float, schema: dict[str, Any]) -> str | None:
    """Why float32 can't take a number's place, with the nearest that works; ``schema`` has its bounds."""
    if value == 0 or value != value:
        return None
    if abs(value) < SMALLEST:
        return f"{value:g} is 0 or nearly so in {_WHERE}; the smallest that works is {SMALLEST:.2g}"
    if abs(value) > LARGEST:
        return f"{value:g} is infinite in {_WHERE}; the largest that works is {LARGEST:.2g}"
    rounded = _rounded(value)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if below is not None and value < below <= rounded:
        return _bounded(value, rounded, f"below {below:g}", _neighbour(below, -1))
    if above is not None and value > above >= rounded:
        return _bounded(value, rounded, f"above {above:g}", _neighbour(above, 1))
    return None


def _bounded(value: float, rounded: float, bound: str, nearest: float) -> str:
    return f"{value!r} is {rounded:g} in {_WHERE}, but has to be {bound}; the nearest that works is {nearest:.8g}"


def _rounded(value: float) -> float:
    """To float32, as NumPy does it."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def _neighbour(value: float, way: int) -> float:
    """The next float32 below (-1) or above (1) a number that is one."""
    bits = struct.unpack("<i", struct.pack("<f", value))[0]
    moved: float = struct.unpack("<f", struct.pack("<i", bits + (way if value >= 0 else -way)))[0]
    return moved
