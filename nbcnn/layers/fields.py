"""Kinds of values that several layers take, with PyTorch's shorthands: ``5`` means ``[5, 5]``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from nbcnn.kernels.shapes import Sides

Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


def _pair(value: Any) -> Any:
    """One whole number stands for both axes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


def _two(least: int) -> WithJsonSchema:
    """How a pair is described to people and editors: what it takes, and what each of its numbers is."""
    number = {"type": "integer", "minimum": least}
    expected = f"a whole number of at least {least}, or a list of two (rows, columns)"
    return WithJsonSchema({"x-expected": expected, "prefixItems": [number, number]})


PositivePair = Annotated[tuple[Positive, Positive], BeforeValidator(_pair), _two(1)]
"""Rows, columns; at least 1."""
NaturalPair = Annotated[tuple[Natural, Natural], BeforeValidator(_pair), _two(0)]
"""Rows, columns; at least 0."""


def sides(padding: tuple[int, int]) -> Sides:
    """Padding of rows and columns as top, bottom, left, right."""
    return (padding[0], padding[0], padding[1], padding[1])
