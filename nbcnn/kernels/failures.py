"""Why a kernel can't be compiled, in one sentence instead of Numba's 9 to 33 lines: file, line, kernel, the reason."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable
from functools import wraps

from nbcnn.errors import KernelError, shown

_NESTED = threading.local()
_STEP = re.compile(r"^Failed in \w+ mode pipeline \(step: .*\)\n", re.MULTILINE)


def explaining(function: Callable[..., object], compile_: Callable[..., object]) -> Callable[..., object]:
    """A dispatcher's ``compile`` that raises KernelError.

    Only the outermost one does: while a caller is typed, Numba needs to see its own errors of callees, for it tries
    other types then.
    """

    @wraps(compile_)
    def compile_or_explain(signature):
        depth = getattr(_NESTED, "depth", 0)
        _NESTED.depth = depth + 1
        try:
            return compile_(signature)
        except Exception as error:
            if depth or isinstance(error, KernelError) or type(error).__name__ == "ForceLiteralArg":
                raise
            raise KernelError(explanation(function, error)) from error
        finally:
            _NESTED.depth = depth

    return compile_or_explain


def nested() -> bool:
    """Whether what this thread compiles is a callee, on the way of its caller."""
    return getattr(_NESTED, "depth", 0) > 1


def explanation(function: Callable[..., object], error: Exception) -> str:
    """``my_conv.py:12: forward: name 'facotr' is not defined``; the line is the innermost of the kernel's own file."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    file = inspect.getfile(function)
    line = _line(function, file, text, error)
    return f"{shown(file)}:{line}: {_at(function, line)}: {_sentence(text, error)}"


def _sentence(text: str, error: Exception) -> str:
    text = _STEP.sub("", text).strip()
    found = re.search(r"No implementation of function Function\(<.*?(\w+)>\) found .*?>>> (.*?)\n", text, re.DOTALL)
    if found:
        specific = re.search(r"raised a specific error:\s*\w+: (.*)", text)
        stored = "; lanes are written with store(y, index, v)" if found[1] == "setitem" and "lanes(" in found[2] else ""
        return _types(specific[1] if specific else f"{found[1]} can't be used so: {found[2]}{stored}")
    first = text.partition("\n")[0].removesuffix(" Raised from None").replace("..", ".").rstrip(" .:")
    first = re.sub(r"^(\w+Error|The compiler failed to analyze the bytecode)[:.] ", "", first)
    first = re.sub(r", defined at .* \(\d+\)$", "", first)
    first = re.sub(r" for '\$[^']*'$", "", re.sub(r"'(\w+)\.\d+'", r"'\1'", first))  # Numba's numbers of variables
    return _types(first) or type(error).__name__


def _types(sentence: str) -> str:
    """Without what only Numba's authors ask for."""
    return re.sub(r"Literal\[(\w+)\]\((.*?)\)", r"\1 \2", sentence)


def _line(function: Callable[..., object], file: str, text: str, error: Exception) -> int:
    """The first line of this file that is named; else one that has the word which the sentence is about."""
    named = re.search(rf"{re.escape(file)} \((\d+)\)", text) or re.search(
        rf'File "{re.escape(_name(file))}", line (\d+)', text
    )
    if named:
        return int(named[1])
    place = getattr(error, "loc", None)
    if place is not None and place.filename == file:
        return int(place.line)
    lines, first = inspect.getsourcelines(function)
    word = re.search(r"attribute '(\w+)'|^(\w+)\(\) ", text)
    wanted = re.compile(rf"\.{word[1]}\b" if word[1] else rf"\b{word[2]}\(") if word else None
    return next((first + k for k, line in enumerate(lines) if wanted and wanted.search(line)), first)


def _at(function: Callable[..., object], line: int) -> str:
    """The name of the function of this file that a line is in: the kernel's own, or that of a callee."""
    for thing in function.__globals__.values():
        code = getattr(getattr(thing, "py_func", thing), "__code__", None)
        if code is not None and code.co_filename == function.__code__.co_filename:
            lines = [number for _, _, number in code.co_lines() if number is not None]
            if min(lines) <= line <= max(lines):
                return str(code.co_name)
    return function.__name__


def _name(file: str) -> str:
    return re.split(r"[\\/]", file)[-1]
