"""Calls inside a kernel's bytecode: recursion and prints, found without running it."""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from nbcnn.kernels.contract import KernelWithAttributes
from nbcnn.kernels.contract_check import where

GLOBAL, ATTRIBUTE = ("LOAD_GLOBAL", "LOAD_NAME"), ("LOAD_ATTR", "LOAD_METHOD")


def recursion(kernel: Any) -> str:
    """``helper calls itself (mine.py:14)`` of a kernel or what it calls, with others between or not; or ""."""
    return _recursion(_function(kernel))


@lru_cache(64)
def _recursion(function: FunctionType | None) -> str:
    cycle = _cycle(function, [])
    if not cycle:
        return ""
    names = [function.__name__ for function in cycle]
    if len(cycle) == 1:
        return f"{names[0]} calls itself ({where(cycle[0])})"
    return f"{names[0]} ({where(cycle[0])}) calls {', which calls '.join([*names[1:], names[0]])}"


def printing(kernel: Any) -> str:
    """The place of a function that prints, ``mine.py:14``, among those that a kernel calls, itself included; or ""."""
    for function in _reached(_function(kernel), []):
        named = any(
            one.opname in GLOBAL and one.argval == "print"
            for code in _codes(function.__code__)
            for one in dis.get_instructions(code)
        )
        if named and function.__globals__.get("print", builtins.print) is builtins.print:
            return where(function)
    return ""


def _function(thing: Any) -> FunctionType | None:
    if isinstance(thing, KernelWithAttributes):
        thing = thing.kernel
    thing = getattr(thing, "py_func", thing)
    return thing if isinstance(thing, FunctionType) else None


def _cycle(function: FunctionType | None, path: list[FunctionType]) -> list[FunctionType]:
    """Functions each of which calls the next, and the last one the first."""
    if function is None or _ours(function):
        return []
    codes = [one.__code__ for one in path]
    if function.__code__ in codes:
        return path[codes.index(function.__code__) :]
    if len(path) > 50:
        return []
    for called in _calls(function):
        if cycle := _cycle(called, [*path, function]):
            return cycle
    return []


def _reached(function: FunctionType | None, known: list[CodeType]) -> Iterator[FunctionType]:
    if function is None or _ours(function) or function.__code__ in known:
        return
    known.append(function.__code__)
    yield function
    for called in _calls(function):
        yield from _reached(called, known)


def _ours(function: FunctionType) -> bool:
    """Of nbcnn or of a library; a plugin's file has a name of its own, a class in a test has the test's."""
    top = function.__module__.partition(".")[0]
    return top in ("nbcnn", "numba", "numpy", "llvmlite") or top in sys.stdlib_module_names


def _calls(function: FunctionType) -> Iterator[FunctionType]:
    """The functions that a function's code names: globals, those around it, and what it takes out of modules."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for code in _codes(function.__code__):
        module: ModuleType | None = None
        for one in dis.get_instructions(code):
            thing: Any = None
            if one.opname in GLOBAL:
                thing = function.__globals__.get(one.argval)
            elif one.opname == "LOAD_DEREF" and one.argval in cells:
                with suppress(ValueError):  # not bound yet
                    thing = cells[one.argval].cell_contents
            elif one.opname in ATTRIBUTE and module is not None:
                thing = vars(module).get(one.argval)
            module = thing if isinstance(thing, ModuleType) else None
            if found := _function(thing):
                yield found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
