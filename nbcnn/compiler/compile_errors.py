"""Numba's compile errors (9 to 33 lines) as one sentence: file, line, kernel, reason."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import wraps

from nbcnn.compiler.remedies import remedy
from nbcnn.compiler.statements import Statement
from nbcnn.errors import KernelError, shown

_NESTED = threading.local()
_WITHOUT_LINE = {"The 'with": "with", "np.dot and @": "product"}
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
    """``my_conv.py:12: forward: name 'facotr' is not defined``; the line is the innermost of the kernel's own file.

    A hint for what to write instead follows where there is one.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    file = function.__code__.co_filename
    line = _line(function, file, text, error)
    inner, sentence = _at(function, line), _sentence(text, error)
    statement = Statement(inner, line)
    if unnamed := next((what for start, what in _WITHOUT_LINE.items() if sentence.startswith(start)), None):
        line = statement.line_of(unnamed)
    what = remedy(sentence, statement)
    return f"{shown(file)}:{line}: {inner.__code__.co_name}: {sentence}{f'; {what}' if what else ''}"


def _sentence(text: str, error: Exception) -> str:
    text = _STEP.sub("", text).strip()
    found = re.match(r"No implementation of function Function\(.*?\) found .*?>>> (\w+)(\(.*?\))\s*\n", text, re.DOTALL)
    if found:
        call = found[1] + found[2]
        specific = re.search(r"raised a specific error:\s*\w+: (.*)", text) if "lanes(" not in call else None
        return _types(specific[1] if specific else f"{found[1]} can't be used so: {call}")
    first = text.partition("\n")[0].partition(" Raised from ")[0].replace("..", ".").rstrip(" .:")
    if first.startswith("scipy ") and "linear algebra" in first:
        return "np.dot and @ need SciPy within kernels, and a BLAS whose bits depend on its threads"
    if found := re.match(r"The use of a reflected list.* type, assigned to variable '(\w+)' in globals", first):
        return f"{found[1]} is a list outside of the kernel, which would have to be a constant"
    if found := re.match(r"(\w+)\(\) takes (\d+) positional arguments? but (\d+)", first):
        return f"{found[1]}() takes {int(found[2]) - 1} arguments, {int(found[3]) - 1} were given"  # one is Numba's own
    first = re.sub(r"^(\w+Error|The compiler failed to analyze the bytecode)[:.] ", "", first)
    first = re.sub(
        r"^Cannot bind 'args=.*' to signature '(.*)' due to \"TypeError: (.*)\"", r"\2; what is called takes \1", first
    )
    first = re.sub(r", defined at .* \(\d+\)$", "", first)
    first = re.sub(r" for '\$[^']*'$", "", re.sub(r"'(\w+)\.\d+'", r"'\1'", first))  # Numba's numbers of variables
    return _types(first) or type(error).__name__


def _types(sentence: str) -> str:
    """Without what only Numba's authors ask for."""
    sentence = re.sub(r"type Module\(<module '([\w.]+)'.*?>\)", r"module \1", sentence)
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
    statement = Statement(function, function.__code__.co_firstlineno)
    if word := re.match(r"(\w+)\(\) (?:takes|missing)", _STEP.sub("", text).strip()):
        return statement.line_of_call(word[1])
    attribute = re.search(r"attribute '(\w+)'", text)
    return statement.line_of_attribute(attribute[1]) if attribute else statement.line


def _at(function: Callable[..., object], line: int) -> Callable[..., object]:
    """The function of this file that a line is in: the kernel's own, or a callee."""
    for thing in function.__globals__.values():
        inner = getattr(thing, "py_func", thing)
        code = getattr(inner, "__code__", None)
        if code is not None and code.co_filename == function.__code__.co_filename:
            lines = [number for _, _, number in code.co_lines() if number is not None]
            if min(lines) <= line <= max(lines):
                return inner
    return function


def _name(file: str) -> str:
    return re.split(r"[\\/]", file)[-1]
