"""Field types of layer configs, with PyTorch's shorthands: ``5`` means ``[5, 5]``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
AtLeast0 = Annotated[float, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0)]


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


def _sides(words: str = "") -> WithJsonSchema:
    """How padding is described: what it takes, and what each number of a list is."""
    number = {"type": "integer", "minimum": 0}
    expected = "a whole number of at least 0, or a list of two (rows, columns) or four (top, bottom, left, right)"
    return WithJsonSchema({"x-expected": expected + words, "prefixItems": [number] * 4})


_Sides = tuple[Natural, Natural] | tuple[Natural, Natural, Natural, Natural]

PaddingSides = Annotated[_Sides, BeforeValidator(_pair), _sides()]
"""Rows, columns, or top, bottom, left, right; at least 0."""
PaddingSidesOrWord = Annotated[_Sides | Literal["same", "valid"], BeforeValidator(_pair), _sides(", or same or valid")]
"""Padding as above, or a word: ``same`` for ceil(size / stride) pixels, ``valid`` for none."""


def _around(value: Any) -> Any:
    """One whole number stands for all four sides."""
    return (value,) * 4 if isinstance(value, int) and not isinstance(value, bool) else _pair(value)


_AROUND = WithJsonSchema(
    {
        "x-expected": "a whole number of at least 0, or a list of four (left, right, top, bottom)",
        "prefixItems": [{"type": "integer", "minimum": 0}] * 4,
    }
)
PaddingAround = Annotated[tuple[Natural, Natural, Natural, Natural], BeforeValidator(_around), _AROUND]
"""Left, right, top, bottom, as the padding layers of PyTorch have them; at least 0."""

_SIZE = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}
OutputSize = Annotated[
    tuple[Positive | None, Positive | None],
    BeforeValidator(lambda value: (value, value) if value is None else _pair(value)),
    WithJsonSchema(
        {
            "x-expected": "a whole number of at least 1, null, or a list of two of these (rows, columns)",
            "prefixItems": [_SIZE, _SIZE],
        }
    ),
]
"""Rows, columns; at least 1, or None for as many as there are."""
