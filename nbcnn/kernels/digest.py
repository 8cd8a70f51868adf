"""The name of compiled code: a digest of all that it depends on, so that code of another text is never taken for it."""

from __future__ import annotations

import hashlib
import inspect
import sys
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType

import llvmlite
import numba
import numpy as np
from numba.core.dispatcher import Dispatcher

LANGUAGE = (
    "jit.py",
    "lanes.py",
    "lanes_type.py",
    "lanes_operators.py",
    "lanes_numba.py",
    "lanes_parts.py",
    "lanes_blocks.py",
    "lanes_math.py",
)
"""The files that say what kernels are written in."""

SETTINGS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")
"""What of Numba's environment variables changes code."""

_VERSIONED = {"numpy", "numba", "llvmlite", *sys.stdlib_module_names}


def digest_of(function, options, callers=()) -> str:
    """A digest of all that the code depends on: files of the kernel, its callees and the lanes, options, versions."""
    here = Path(__file__).parent
    parts = [sys.version, numba.__version__, llvmlite.__version__, np.__version__]
    parts += [repr(sorted(options.items(), key=str)), *(str(getattr(numba.config, name)) for name in SETTINGS)]
    parts += [_source_digest(function), function.__qualname__, _code(function.__code__)]
    parts += [_file_digest(str(here / name)) for name in LANGUAGE]
    callers = (*callers, function)
    for name, value in sorted(_globals(function).items()):
        parts.append(f"{name}={_identity(value, options, callers)}")
    for value in (*(cell.cell_contents for cell in function.__closure__ or ()), *(function.__defaults__ or ())):
        parts.append(_identity(value, options, callers) or repr(value))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@lru_cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _source_digest(function) -> str:
    """That of the text which the function was made of: a plugin's module brings it, for its file may have changed."""
    return function.__globals__.get("__nbcnn_digest__") or _file_digest(inspect.getfile(function))


def _code(code: CodeType) -> str:
    """What Python runs: two functions of one file may have one name, and bytecode may be older than its file."""
    parts = [code.co_code.hex(), str(code.co_names)]
    for constant in code.co_consts:
        parts.append(_code(constant) if isinstance(constant, CodeType) else _constant(constant))
    return " ".join(parts)


def _constant(value) -> str:
    """The same in every process, which the order of a set of texts is not."""
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _identity(value, options, callers) -> str:
    """What there is to say of a value that code uses: a callee's digest, a constant's content, the text that made it;
    or nothing.
    """
    if hasattr(value, "digest"):
        return value.digest
    if isinstance(value, Dispatcher):  # a callee that is not ours, but plain Numba
        return "" if value.py_func in callers else digest_of(value.py_func, options, callers)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, tuple):
        return repr([_identity(item, options, callers) or repr(item) for item in value])
    if value is None or isinstance(value, (int, float, complex, str, bytes, np.generic, np.dtype)):
        return repr(value)
    made = _module_digest(sys.modules.get(getattr(value, "__module__", None) or ""))  # an intrinsic, a class, ...
    return f"{value!r} {made}" if isinstance(value, type) else made


def _module_digest(module: ModuleType | None) -> str:
    """That of a module's text; nothing where a version stands for it, or it has none."""
    file = getattr(module, "__file__", None) or ""
    if module is None or module.__name__.partition(".")[0] in _VERSIONED or not file.endswith(".py"):
        return ""
    return getattr(module, "__nbcnn_digest__", None) or _file_digest(file)


def _globals(function) -> dict[str, object]:
    """What the names in a function's code stand for; those behind dots, too, where a module is before them."""
    names = _names(function.__code__)
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    waiting, seen = list(found.items()), set()
    for name, value in waiting:
        if isinstance(value, ModuleType) and value not in seen:
            seen.add(value)
            inside = {f"{name}.{inner}": vars(value)[inner] for inner in names if inner in vars(value)}
            found |= inside
            waiting += inside.items()
    return found


def _names(code: CodeType) -> set[str]:
    """The names that code uses, those of inner functions included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
