"""Option values that are some whole numbers, ``0,2,2``, or a small matrix, ``1 0 -1; 2 0 -2``, as click's callbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Callback = Callable[[click.Context, click.Parameter, Any], Any]


def whole_numbers(letters: str, *counts: int, words: tuple[str, ...] = ()) -> Callback:
    """Whole numbers divided by commas, so many as ``counts`` allows, else one for each of ``letters``; or a word."""
    allowed = counts or (letters.count(",") + 1,)

    def convert(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | str | None:
        if value is None or value in words:
            return value
        try:
            numbers = tuple(int(part) for part in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) in allowed:
            return numbers
        many = " or ".join(map(str, allowed))
        other = f", or {' or '.join(words)}" if words else ""
        wanted = f"{many} whole numbers divided by commas, {letters}{other}"
        raise click.BadParameter(f"expected {wanted}; got {value!r}", context, parameter)

    return convert


def matrix(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """Rows of numbers divided by semicolons, as float32."""
    if value is None:
        return None
    import numpy as np

    try:
        found = np.array([[float(n) for n in row.replace(",", " ").split()] for row in value.split(";")], np.float32)
    except ValueError:
        found = np.zeros(0, np.float32)
    if found.ndim == 2 and found.size and np.isfinite(found).all():
        return found
    wanted = "rows of numbers divided by semicolons, as in '1 0 -1; 2 0 -2'"
    raise click.BadParameter(f"expected {wanted}; got {value!r}", context, parameter)
