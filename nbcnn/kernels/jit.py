"""The one wrapper around Numba: every kernel is compiled with these options and cached under an honest name.

Options: ``nogil`` so that threads run kernels side by side; ``fastmath={'contract'}`` fuses multiply and add but
never reorders a sum; ``error_model='numpy'`` because a check for division by zero stops vectorisation;
``no_cfunc_wrapper`` because nobody calls kernels as C callbacks (a tenth of the time that compiling took).

Numba's own cache does not notice a changed callee, constant or option, and two processes that compile at once can
exchange their entries. Here an entry is a file of its own (store.py), named by a digest of all that its code depends
on (digest.py). A damaged entry is compiled anew.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from functools import partial
from pathlib import Path
from threading import get_ident
from types import FunctionType

import numba
from numba import types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from nbcnn.kernels.digest import digest_of
from nbcnn.kernels.failures import explaining, nested
from nbcnn.kernels.ledger import LEDGER, Compiled, announce, enter
from nbcnn.kernels.store import cache_folder, damaged, fetch, keep

OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "no_cfunc_wrapper": True}


if hasattr(os, "register_at_fork"):
    # A process that is forked while another thread compiles would find Numba's lock taken for ever.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def kernel(function):
    """Compile ``function`` at its first call; under NUMBA_DISABLE_JIT=1 return it unchanged.

    Code that can't be compiled raises KernelError: file, line, kernel, and the one sentence that matters.
    """
    if numba.config.DISABLE_JIT:
        return function
    digest = digest_of(function, OPTIONS)
    dispatcher = numba.njit(**OPTIONS)(_renamed(function, digest))
    dispatcher.digest = digest
    dispatcher._cache = KernelCache(f"{function.__module__}.{function.__name__}", dispatcher.digest)
    dispatcher._can_cache = True
    dispatcher.compile = explaining(function, dispatcher.compile)
    dispatcher.get_call_template = partial(_plain_call, dispatcher.get_call_template)
    return dispatcher


def _renamed(function, digest):
    """The function under a name that no other code has.

    Machine code is found by its function's name and a number that each process counts anew. So functions of one name,
    of a factory or of a plugin before and after an edit, compiled in one process and another, could have the same, and
    one would run in the other's place.
    """
    own = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    for name in ("__kwdefaults__", "__doc__", "__module__", "__annotations__"):
        setattr(own, name, getattr(function, name))
    own.__qualname__ = f"{function.__qualname__}_{digest[:16]}"
    return own


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
        if path is not None:
            try:
                if (data := fetch(path)) is not None:
                    result = CompileResult._rebuild(target_context, *pickle.loads(data))
                    self._note("loaded", sig)
                    return result
            except Exception as problem:
                damaged(self._name, path, problem)
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
        keep(path, dumps(data._reduce()))

    def _note(self, how: str, sig) -> None:
        since, length = self._begun.pop(sig)
        inside = sum(entry.seconds for entry in LEDGER[length:])  # Numba's lock keeps other threads' out
        enter(Compiled(self._name, how, time.perf_counter() - since - inside, nested(), get_ident()), self.key(sig))

    def enable(self) -> None: ...
    def disable(self) -> None: ...
    def flush(self) -> None: ...

    def _path(self, sig, target_context) -> Path | None:
        folder = cache_folder()
        if folder is None:
            return None
        magic = (self._digest, str(sig), target_context.codegen().magic_tuple())
        return folder / f"{self._name}-{hashlib.sha256(repr(magic).encode()).hexdigest()[:20]}.nbk"
