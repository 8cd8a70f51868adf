"""The options of the book's example, which are those of a ``conv2d``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from nbcnn.cli.explain._numbers import Callback, matrix, whole_numbers

F = TypeVar("F", bound=Callable[..., Any])

_SIDES = whole_numbers("rows,columns or top,bottom,left,right", 1, 2, 4, words=("same", "valid"))


def _window(letters: str) -> Callback:
    return whole_numbers(letters, 1, 2)


_OPTIONS: dict[str, dict[str, Any]] = {
    "--input-size": {"callback": _window("H,W"), "default": "3", "metavar": "H,W", "help": "rows and columns"},
    "--in-channels": {"type": click.IntRange(min=1), "default": 1, "help": "channels of the input"},
    "--out-channels": {"type": click.IntRange(min=1), "default": 1, "help": "channels of the output"},
    "--kernel-size": {"callback": _window("KH,KW"), "default": "2", "metavar": "KH,KW", "help": "rows and columns"},
    "--kernel": {"callback": matrix, "metavar": "ROWS", "help": "its weights instead, '1 0 -1; 2 0 -2; 1 0 -1'"},
    "--stride": {"callback": _window("SH,SW"), "default": "1", "metavar": "SH,SW", "help": "down, and to the right"},
    "--padding": {"callback": _SIDES, "default": "0", "metavar": "SIDES", "help": "1, 2 or 4 numbers, same, or valid"},
    "--dilation": {"callback": _window("DH,DW"), "default": "1", "metavar": "DH,DW", "help": "how far taps are apart"},
    "--groups": {"type": click.IntRange(min=1), "default": 1, "help": "groups of channels"},
}
OF_THE_EXAMPLE = tuple(name.lstrip("-").replace("-", "_") for name in _OPTIONS)
"""Their names in Python."""


def example_options(function: F) -> F:
    """Give a command the options; each says that it is of the example."""
    for name, how in reversed(_OPTIONS.items()):
        shown = {**how, "help": f"Of the example: {how['help']}."}
        function = click.option(name, show_default="default" in how, **shown)(function)
    return function
