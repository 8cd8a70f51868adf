"""Checks of the function that ``@kernel`` decorates: plain, with required positional arguments only."""

from __future__ import annotations

import inspect
import linecache
import sys
from types import FunctionType
from typing import Any, NoReturn

from numba.core.dispatcher import Dispatcher
from numba.core.types import Type
from numba.core.typing import Signature

from nbcnn.errors import KernelError, shown

_P = inspect.Parameter


def check_function(thing: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Raise KernelError, with file and line, for what can't become a kernel."""
    alone = "write @kernel alone above the function"
    if arguments or options or thing is None or isinstance(thing, (str, list, tuple, Signature, Type)):
        _refuse(
            "@kernel takes no signature and no options: it compiles for the types of each call, and all kernels have "
            f"the same options; {alone}"
        )
    if isinstance(thing, Dispatcher):
        _refuse(f"{thing.py_func.__name__} is compiled already, by @kernel or by Numba's njit; {alone}")
    if isinstance(thing, (staticmethod, classmethod, property)):
        _refuse(f"a {type(thing).__name__} can't be a kernel; take the function out of the class, and give it arrays")
    if isinstance(thing, type):
        _refuse(f"{thing.__name__} is a class; put @kernel above the functions that compute, outside of a class")
    if not isinstance(thing, FunctionType):
        name = getattr(thing, "__name__", None) or type(thing).__name__
        _refuse(f"{name} is no function written with def, so there is nothing to compile; write one that calls it")
    _check_kind(thing)
    _check_parameters(thing)


def _check_kind(function: FunctionType) -> None:
    for found, what in (
        (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function), "is async"),
        (inspect.isgeneratorfunction(function), "is a generator (it has yield)"),
    ):
        if found:
            _refuse(
                f"{_name(function)} {what}; a kernel runs to its end at once: write into an array",
                function,
            )
    first = function.__code__.co_varnames[0] if function.__code__.co_argcount else ""
    around = function.__qualname__.rpartition(".")[0]
    if first in ("self", "cls") and around and not around.endswith("<locals>"):
        _refuse(
            f"{_name(function)} is a method: kernels know no {first}; take it out of the class "
            f"{around.rpartition('.')[2]}, and give it arrays and numbers",
            function,
        )


def _check_parameters(function: FunctionType) -> None:
    code = function.__code__
    stars = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if not (function.__defaults__ or code.co_kwonlyargcount or stars):
        return
    parameters = inspect.signature(function).parameters.values()
    for one in parameters:
        if one.kind in (_P.VAR_POSITIONAL, _P.VAR_KEYWORD):
            _refuse(f"{_name(function)} takes {one}; name each argument, or take one tuple", function)
    for one in parameters:
        if one.kind is _P.KEYWORD_ONLY:
            _refuse(f"{_name(function)} takes {one.name} by keyword only; {_remedy(function)}", function)
        if one.default is not _P.empty:
            _refuse(
                f"{_name(function)} has a default for {one.name}; {_remedy(function)} and give {one.name} in each call",
                function,
            )


def _remedy(function: FunctionType) -> str:
    names = ", ".join(inspect.signature(function).parameters)
    written = f"lambda {names}: ..." if function.__name__ == "<lambda>" else f"def {function.__name__}({names}):"
    return f"a kernel is called with all arguments, by position: write {written}"


def _name(function: FunctionType) -> str:
    return "a lambda" if function.__name__ == "<lambda>" else function.__name__


def _refuse(why: str, function: FunctionType | None = None) -> NoReturn:
    """Raise KernelError with the line of the def; without a function, with the line of the call of ``kernel``."""
    if function is not None:
        file, line = function.__code__.co_filename, function.__code__.co_firstlineno  # of its first decorator
        lines = linecache.getlines(file)[line - 1 :]
        line += next((k for k, text in enumerate(lines) if text.lstrip().startswith(("def ", "async def "))), 0)
        raise KernelError(f"{shown(file)}:{line}: {why}")
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in (__name__, "nbcnn.compiler.jit"):
        frame = frame.f_back
    raise KernelError(f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}: {why}")
