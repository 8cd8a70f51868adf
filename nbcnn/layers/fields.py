"""Kinds of values that several layers take, with PyTorch's shorthands: ``5`` means ``[5, 5]``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nbcnn.kernels.contract import Sides

Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


def _pair(value: Any) -> Any:
    """One whole number stands for both axes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


PositivePair = Annotated[tuple[Positive, Positive], BeforeValidator(_pair)]
"""Rows, columns; at least 1."""
NaturalPair = Annotated[tuple[Natural, Natural], BeforeValidator(_pair)]
"""Rows, columns; at least 0."""


def sides(padding: tuple[int, int]) -> Sides:
    """Padding of rows and columns as top, bottom, left, right."""
    return (padding[0], padding[0], padding[1], padding[1])
