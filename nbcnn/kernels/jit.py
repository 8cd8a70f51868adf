"""The one wrapper around Numba: every kernel is compiled with these options and cached under an honest name.

Options: ``nogil`` so that threads run kernels side by side; ``fastmath={'contract'}`` fuses multiply and add but
never reorders a sum; ``error_model='numpy'`` because a check for division by zero stops vectorisation;
``no_cfunc_wrapper`` because nobody calls kernels as C callbacks (a tenth of the time that compiling took).

Numba's own cache does not notice a changed callee, constant or option, and two processes that compile at once can
exchange their entries. Here an entry is a file of its own, named by a digest of all that its code depends on, in a
folder that only its owner can enter (entries are pickles). A damaged entry is compiled anew.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import stat
import sys
import time
import warnings
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType

import llvmlite
import numba
import numpy as np
from numba import types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from nbcnn.kernels.failures import explaining, nested
from nbcnn.kernels.ledger import LEDGER, Compiled, announce, enter

OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "no_cfunc_wrapper": True}
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


def kernel(function):
    """Compile ``function`` at its first call; under NUMBA_DISABLE_JIT=1 return it unchanged.

    Code that can't be compiled raises KernelError: file, line, kernel, and the one sentence that matters.
    """
    if numba.config.DISABLE_JIT:
        return function
    digest = _digest(function)
    if function.__closure__:
        # Machine code is found by its function's name and a number that each process counts anew. So the functions that
        # a factory makes, compiled in one process and another, could have one name, and one run in another's place.
        function.__qualname__ += f"_{digest[:16]}"
    dispatcher = numba.njit(**OPTIONS)(function)
    dispatcher.digest = digest
    dispatcher._cache = KernelCache(f"{function.__module__}.{function.__name__}", dispatcher.digest)
    dispatcher._can_cache = True
    dispatcher.compile = explaining(function, dispatcher.compile)
    dispatcher.get_call_template = partial(_plain_call, dispatcher.get_call_template)
    return dispatcher


def _plain_call(template, args, kws):
    """What a call from another kernel compiles. Numba would do so anew for every number that a tuple is made of: of
    correlate and pad for each caller, a sixth of the time that compiling LeNet's kernels took.
    """
    return template(tuple(_without_numbers(arg) for arg in args), kws)


def _without_numbers(kind):
    if isinstance(kind, types.BaseTuple):
        return types.BaseTuple.from_types(
            [_without_numbers(item) for item in kind], getattr(kind, "instance_class", None)
        )
    return types.unliteral(kind)


def missing(dispatcher, signature) -> list[tuple[str, str]]:
    """The key of a kernel's code for a signature, where it has to be compiled; else nothing."""
    ready = signature in dispatcher.overloads or dispatcher._cache.holds(signature, dispatcher.targetctx)
    return [] if ready else [dispatcher._cache.key(signature)]


def cache_folder(name: str = "kernels", content: str = "compiled kernels") -> Path | None:
    """A folder of the user's cache, made if need be; None (after one warning) where there is no safe place.

    It is in ``NBCNN_CACHE_DIR``, else the user's cache folder. Its owner must be this user and nobody else may write
    there, because loading a compiled kernel runs what it says. ``content`` is what the warning says is not kept.
    """
    from platformdirs import user_cache_dir

    folder = Path(os.environ.get("NBCNN_CACHE_DIR") or user_cache_dir("nbcnn", appauthor=False)) / name
    return _safe_folder(folder, content)


@lru_cache
def _safe_folder(folder: Path, content: str) -> Path | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.stat()
        if hasattr(os, "getuid") and info.st_uid != os.getuid():
            raise PermissionError("it belongs to another user")
        if os.name == "posix" and info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError("others may write there")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError("it is not writable")
    except OSError as problem:
        reason = problem.strerror or str(problem)
        _warn(f"{content} are not kept: {folder}: {reason}. Set NBCNN_CACHE_DIR to a folder of your own.")
        return None
    return folder


class KernelCache(_Cache):
    """What Numba asks for compiled code: one file for each kernel, signature and CPU."""

    def __init__(self, name: str, digest: str) -> None:
        self._name, self._digest = name, digest
        self._begun: dict[object, tuple[float, int]] = {}  # time and length of the ledger, by signature

    cache_path = property(lambda self: str(cache_folder()))

    def load_overload(self, sig, target_context) -> CompileResult | None:
        """The compiled code for a signature, or None where it has to be compiled."""
        self._begun[sig] = time.perf_counter(), len(LEDGER)
        if self._name.startswith("nbcnn.kernels."):
            rtsys.initialize(target_context)
        else:
            target_context.refresh()  # 0.1 s: imports what compiling takes, and what a plugin's code may call
        path = self._path(sig, target_context)
        if path is not None and path.exists():
            try:
                checksum, data = path.read_bytes().split(b"\n", 1)
                if checksum.decode() != hashlib.sha256(data).hexdigest():
                    raise EOFError("its checksum is wrong")
                result = CompileResult._rebuild(target_context, *pickle.loads(data))
            except Exception as problem:
                _warn(f"compiling {self._name} anew, its cached code is damaged: {path}: {problem}")
            else:
                self._note("loaded", sig)
                return result
        if not nested():
            announce(self._name, self.key(sig))
        return None

    def key(self, sig) -> tuple[str, str]:
        """What tells this kernel's code for a signature from all others."""
        return self._digest, str(sig)

    def holds(self, sig, target_context) -> bool:
        """Whether there is an entry, so that nothing has to be compiled."""
        path = self._path(sig, target_context)
        return path is not None and path.exists()

    def save_overload(self, sig, data: CompileResult) -> None:
        """Keep freshly compiled code; a disk that is full or read-only costs a warning, not the training."""
        self._note("compiled", sig)
        path = self._path(sig, data.target_context)
        if path is None or data.library.has_dynamic_globals:
            return
        payload = dumps(data._reduce())
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            temporary.write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
            os.replace(temporary, path)
        except OSError as problem:
            temporary.unlink(missing_ok=True)
            _warn(f"compiled kernels are not kept: {path.parent}: {problem.strerror}")

    def _note(self, how: str, sig) -> None:
        since, length = self._begun.pop(sig)
        inside = sum(entry.seconds for entry in LEDGER[length:])  # Numba's lock keeps other threads' out
        enter(Compiled(self._name, how, time.perf_counter() - since - inside, nested()), self.key(sig))

    def enable(self) -> None: ...
    def disable(self) -> None: ...
    def flush(self) -> None: ...

    def _path(self, sig, target_context) -> Path | None:
        folder = cache_folder()
        if folder is None:
            return None
        magic = (self._digest, str(sig), target_context.codegen().magic_tuple())
        return folder / f"{self._name}-{hashlib.sha256(repr(magic).encode()).hexdigest()[:20]}.nbk"


def _warn(sentence: str) -> None:
    warnings.warn(sentence, RuntimeWarning, stacklevel=3)


@lru_cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _source_digest(function) -> str:
    """That of the text which the function was made of: a plugin's module brings it, for its file may have changed."""
    return function.__globals__.get("__nbcnn_digest__") or _file_digest(inspect.getfile(function))


def _digest(function, callers=()) -> str:
    """A digest of all that the code depends on: files of the kernel, its callees and the lanes, options, versions."""
    here = Path(__file__).parent
    parts = [sys.version, numba.__version__, llvmlite.__version__, np.__version__]
    parts += [repr(sorted(OPTIONS.items(), key=str)), str(numba.config.BOUNDSCHECK)]
    parts += [_source_digest(function), function.__qualname__]
    parts += [_file_digest(str(here / name)) for name in LANGUAGE]
    callers = (*callers, function)
    for name, value in sorted(_globals(function).items()):
        parts.append(f"{name}={_identity(value, callers)}")
    for cell in function.__closure__ or ():
        parts.append(_identity(cell.cell_contents, callers) or repr(cell.cell_contents))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _identity(value, callers) -> str:
    """What there is to say of a value that code uses: a callee's digest, a constant's content; or nothing."""
    if hasattr(value, "digest"):
        return value.digest
    if isinstance(value, Dispatcher):  # a callee that is not ours, but plain Numba
        return "" if value.py_func in callers else _digest(value.py_func, callers)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, tuple):
        return repr([_identity(item, callers) or repr(item) for item in value])
    return repr(value) if isinstance(value, (int, float, str, np.generic)) else ""


def _globals(function) -> dict[str, object]:
    """What the names in a function's code stand for; those behind a dot, too, where a module is before it."""
    names = _names(function.__code__)
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, value in list(found.items()):
        if inspect.ismodule(value):
            found |= {f"{name}.{inner}": vars(value)[inner] for inner in names if inner in vars(value)}
    return found


def _names(code: CodeType) -> set[str]:
    """The names that code uses, those of inner functions included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
