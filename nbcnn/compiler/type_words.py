"""Numba types of arguments to JSON and back."""

from __future__ import annotations

from numba import types

Words = str | list
"""A number's type by its name, ["tuple", type, ...], or ["array", type, dimensions, layout, read-only, aligned]."""


def words_of_type(kind) -> Words | None:
    """The words for a type; None for one of other things than arrays, numbers and tuples of them."""
    if type(kind) in (types.Tuple, types.UniTuple):
        parts = [words_of_type(part) for part in kind]
        return None if None in parts else ["tuple", *parts]
    if type(kind) is types.Array:
        number = words_of_type(kind.dtype)
        return None if number is None else ["array", number, kind.ndim, kind.layout, not kind.mutable, kind.aligned]
    if type(kind) in (types.Integer, types.Float, types.Boolean) and getattr(types, kind.name, None) == kind:
        return str(kind.name)
    return None


def type_of_words(words: Words):
    """The type that ``words_of_type`` has put in words."""
    if isinstance(words, str):
        return getattr(types, words)
    if words[0] == "tuple":
        return types.BaseTuple.from_types([type_of_words(part) for part in words[1:]])
    number, dimensions, layout, readonly, aligned = words[1:]
    return types.Array(type_of_words(number), dimensions, layout, readonly=readonly, aligned=aligned)
