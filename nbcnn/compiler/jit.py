"""``@kernel``: Numba compilation with fixed options, and a cache of machine code named by fingerprints.

Options: ``nogil`` so that threads run kernels side by side; ``fastmath={'contract'}`` fuses multiply and add but
never reorders a sum; ``error_model='numpy'`` because a check for division by zero stops vectorisation;
``no_cfunc_wrapper`` because nobody calls kernels as C callbacks (a tenth of the time that compiling took).

Numba's own cache does not notice a changed callee, constant or option, and two processes that compile at once can
exchange their entries. Here an entry is a file of its own (kernel_cache.py), named by a digest of all that its code
depends on when it is compiled (fingerprint.py). A damaged entry is compiled anew.
"""

from __future__ import annotations

import gc
import hashlib
import os
import pickle
import re
import time
from functools import partial, wraps
from pathlib import Path
from threading import get_ident
from types import FunctionType
from typing import NamedTuple
from weakref import ref

import numba
from numba import types
from numba.core.caching import _Cache
from numba.core.codegen import RuntimeLinker
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

from nbcnn.compiler import object_code
from nbcnn.compiler.callees import Callees, bind_environments, rebuilt, reduced
from nbcnn.compiler.compile_errors import explaining, nested
from nbcnn.compiler.compile_log import COMPILE_LOG, Compiled, announce, enter
from nbcnn.compiler.compile_processes import Expected
from nbcnn.compiler.fingerprint import fingerprint
from nbcnn.compiler.kernel_cache import cache_folder, read_entry, warn_damaged, write_entry
from nbcnn.compiler.signatures import check_function

_ADDRESS = re.compile(r"\bat 0x|#[0-9a-f]{8,}")
"""An address in the type of an argument, by which Numba distinguishes functions and classes."""

OPTIONS = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy", "no_cfunc_wrapper": True}


if hasattr(os, "register_at_fork"):
    # A process that is forked while another thread compiles would find Numba's lock taken for ever.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def kernel(function=None, *arguments, **options):
    """Compile ``function`` at its first call; under NUMBA_DISABLE_JIT=1 return it unchanged.

    Numba takes what names outside of the function stand for when it compiles; what they stand for afterwards, the
    compiled kernel does not see. Code that can't be compiled raises KernelError: file, line, kernel, the one sentence
    that matters, and where we know it, what to write instead. So does what is no plain function of positional
    arguments: a default, a signature or options of its own, a method, a generator, ...
    """
    check_function(function, arguments, options)
    if numba.config.DISABLE_JIT:
        return function
    dispatcher = numba.njit(**OPTIONS)(_copied(function))
    dispatcher._cache = KernelCache(dispatcher)
    dispatcher._can_cache = True
    dispatcher.compile = explaining(function, _uncollected(dispatcher.compile))
    _call_as_callee(function, dispatcher)
    return dispatcher


def _call_as_callee(function, dispatcher) -> None:
    """Have other kernels call it as callees.py has it."""
    callees = Callees(dispatcher, CalleeCache(dispatcher))
    template = partial(callees.template, explaining(function, callees.compile))
    dispatcher.get_call_template, dispatcher.get_overload = partial(_plain_call, template), callees.overload


def _uncollected(compile_):
    """``compile`` while Python looks for no garbage: compiling makes so many objects that this took a tenth of it."""

    @wraps(compile_)
    def compile_without_looking(signature):
        with global_compiler_lock:
            collects = gc.isenabled()
            try:
                gc.disable()
                return compile_(signature)
            finally:
                if collects:
                    gc.enable()

    return compile_without_looking


def is_kernel(thing) -> bool:
    """Whether ``kernel`` has made it."""
    return isinstance(getattr(thing, "_cache", None), KernelCache)


def _copied(function):
    """The same function as another object, whose name can be set without touching the one that was written."""
    own = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    for name in ("__kwdefaults__", "__doc__", "__module__", "__annotations__", "__qualname__"):
        setattr(own, name, getattr(function, name))
    return own


def _plain_call(template, args, kws):
    """The typing of a call from another kernel, with the constants in tuples taken as plain whole numbers.

    Numba would compile a callee such as correlate or pad anew for each of its callers' constants: a sixth of the time
    that compiling LeNet's kernels took.
    """
    return template(tuple(_without_numbers(arg) for arg in args), kws)


def _without_numbers(kind):
    if isinstance(kind, types.BaseTuple):
        return types.BaseTuple.from_types(
            [_without_numbers(item) for item in kind], getattr(kind, "instance_class", None)
        )
    return types.unliteral(kind)


def missing(dispatcher, signature) -> dict[tuple[str, str], Expected]:
    """A kernel by the key of its code for a signature, where it has to be compiled; else nothing."""
    if signature in dispatcher.overloads:
        return {}
    key, path = dispatcher._cache.entry(signature, dispatcher.targetctx)
    return {} if path is not None and path.exists() else {key: Expected(dispatcher, signature, key, path)}


def _bound_to_this_process(library) -> bool:
    """Whether machine code has addresses in it: of large arrays, of callbacks, or of functions that call each other in
    a circle, whose code would crash elsewhere.
    """
    return library.has_dynamic_globals or any(
        variable.name.startswith(RuntimeLinker.PREFIX) for variable in library._final_module.global_variables
    )


class _Begun(NamedTuple):
    """The load or compilation of one signature, while it is under way."""

    time: float
    ledger: int  # its length
    key: tuple[str, str]
    path: Path | None


class KernelCache(_Cache):
    """Numba's cache interface, with one file for each kernel, signature and CPU.

    A kernel's fingerprint is made anew for every signature: in between, names in its code may have come to stand for
    something else, and Numba compiles what they stand for.
    """

    def __init__(self, dispatcher) -> None:
        self._function, self._dispatcher = dispatcher.py_func, ref(dispatcher)
        self._qualname = self._function.__qualname__
        self._name = f"{self._function.__module__}.{self._function.__name__.strip('<>')}"  # <lambda> is no file's name
        self._begun: dict[object, _Begun] = {}  # by signature

    cache_path = property(lambda self: str(cache_folder()))
    kind = "machine code"
    _rebuild, _reduce = staticmethod(object_code.rebuilt), staticmethod(object_code.reduced)

    def load_overload(self, sig, target_context) -> CompileResult | None:
        """The compiled code for a signature, or None where it has to be compiled."""
        since, length = time.perf_counter(), len(COMPILE_LOG)
        key, path = self.entry(sig, target_context)
        self._begun[sig] = _Begun(since, length, key, path)
        # Machine code is found by its function's name and a number that each process counts anew. So functions of one
        # name, of a factory or of a plugin before and after an edit, compiled in one process and another, could have
        # the same, and one would run in the other's place: the name must be one that no other code has.
        self._function.__qualname__ = f"{self._qualname}_{key[0][:16]}"
        if self._name.startswith("nbcnn."):
            object_code.name_runtime()
        else:
            target_context.refresh()  # 0.1 s: imports what compiling takes, and what a plugin's code may call
        if path is not None:
            try:
                if (data := read_entry(path)) is not None:
                    result = self._rebuild(target_context, *pickle.loads(data))
                    self._note("loaded", sig)
                    return result
            except Exception as error:
                warn_damaged(self._name, path, error)
        if not nested():
            announce(self._name, key, self._expected(sig, key, path))
        return None

    def _expected(self, sig, key, path) -> Expected | None:
        dispatcher = self._dispatcher()
        return Expected(dispatcher, sig, key, path) if dispatcher is not None else None

    def entry(self, sig, target_context) -> tuple[tuple[str, str], Path | None]:
        """The fingerprint of the code for a signature, and its cache file, or None where it can't be kept."""
        found, folder = fingerprint(self._function, OPTIONS), cache_folder()
        key = (found.digest, str(sig))
        if folder is None or not found.lasting or _ADDRESS.search(key[1]):
            return key, None
        magic = (*key, self.kind, target_context.codegen().magic_tuple())
        return key, folder / f"{self._name}-{hashlib.sha256(repr(magic).encode()).hexdigest()[:20]}.nbk"

    def save_overload(self, sig, data: CompileResult) -> None:
        """Keep freshly compiled code; a disk that is full or read-only costs a warning, not the training."""
        bind_environments(data)
        self._keep(sig, data)

    def _keep(self, sig, data: CompileResult) -> None:
        path = self._note("compiled", sig).path
        if path is not None and not _bound_to_this_process(data.library):
            write_entry(path, dumps(self._reduce(data)))

    def _note(self, how: str, sig) -> _Begun:
        begun = self._begun.pop(sig)
        inside = sum(entry.seconds for entry in COMPILE_LOG[begun.ledger :])  # Numba's lock keeps other threads' out
        spent = time.perf_counter() - begun.time - inside
        enter(Compiled(self._name, how, spent, nested(), get_ident()), begun.key)
        return begun

    def enable(self) -> None: ...
    def disable(self) -> None: ...
    def flush(self) -> None: ...


class CalleeCache(KernelCache):
    """The same for a kernel as callee of others."""

    kind = "callee"
    _rebuild, _reduce = staticmethod(rebuilt), staticmethod(reduced)

    save_overload = KernelCache._keep
