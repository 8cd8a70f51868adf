"""Checks of the names of new backends and ops: unfit names, and misspelt ops."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from nbcnn.errors import shown, unfit_name
from nbcnn.util.suggestions import closest

NEARLY = 0.86
"""How like one of nbcnn's an unknown op's name must be to be a slip of the pen: conv2, Conv2D, liner, max_pool."""


def unfit(op: str, name: str, ops: Sequence[str]) -> str | None:
    """Why a backend can't be called ``name``, or its op ``op`` while there are ``ops``; or None."""
    for word, what in ((op, "an op"), (name, "a backend")):
        if reason := unfit_name(word):
            return f"{word!r} can't be the name of {what}: {reason}"
    near = None if op in ops else closest(op, ops, NEARLY)
    if near is None or re.sub(r"\d", "0", op) == re.sub(r"\d", "0", near):  # max_pool1d is another op than max_pool2d
        return None
    return f"there is no op {op!r}; did you mean {near}?"


def without_op(thing: object) -> str:
    """The error sentence for a backend's decorator that got the class itself, or something else that is no op."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "nbcnn.plugin.register":
        frame = frame.f_back
    kind = getattr(thing, "__name__", repr(thing))
    place = f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"
    return f'{place}: of which op is {kind} a backend? Write @register.backend("conv2d") above it'
