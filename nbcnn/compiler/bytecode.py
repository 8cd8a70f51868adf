"""Bytecode of a function: its digest, and the names that it uses."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from types import CodeType


@lru_cache(maxsize=4096)
def code_digest(code: CodeType) -> str:
    """A digest of a function's bytecode, names and constants."""
    parts = [code.co_name, code.co_code.hex(), str(code.co_names), str(code.co_varnames), str(code.co_freevars)]
    parts += [str(code.co_flags), str(code.co_argcount), getattr(code, "co_exceptiontable", b"").hex()]
    parts += map(_constant, code.co_consts)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _constant(value) -> str:
    """A constant as text that is the same in every process; the order of a set is not."""
    if isinstance(value, CodeType):
        return code_digest(value)
    if isinstance(value, (tuple, frozenset)):
        items = [_constant(item) for item in value]
        return f"{type(value).__name__} {items if isinstance(value, tuple) else sorted(items)}"
    return repr(value)


@lru_cache(maxsize=4096)
def names_of(code: CodeType) -> tuple[str, ...]:
    """The names that code uses, those of inner functions included, in order."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(names_of(constant))
    return tuple(sorted(names))
