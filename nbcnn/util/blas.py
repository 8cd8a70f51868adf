"""A limit of one BLAS thread while kernels run: BLAS threads inside nbcnn's own are many times slower.

It also gives other bits with another number of threads, so that number may not depend on who is at work beside us.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from weakref import WeakSet

import numpy as np
from threadpoolctl import ThreadpoolController

from nbcnn.util.locks import module_lock

_lock = module_lock()


class _Held:
    """The BLAS libraries that are limited to one thread while anybody is ``inside``.

    Whoever is interrupted on the way in or out leaves nothing for good: numbers from before are known until they have
    been set again, by the next one that leaves, and who is inside is forgotten with its frame.
    """

    def __init__(self) -> None:
        self._before: list[int | None] | None = None
        self._inside: WeakSet[_Token] = WeakSet()

    def enter(self, libraries: list[Any], who: _Token) -> None:
        """``who`` is inside."""
        if self._before is None:
            self._before = [library.num_threads for library in libraries]
        self._inside.add(who)
        _set(libraries, [1] * len(libraries))

    def leave(self, libraries: list[Any], who: _Token) -> None:
        """Give the libraries back what they had, if ``who`` was the last."""
        self._inside.discard(who)
        if not self._inside and self._before is not None:
            _set(libraries, self._before)
            self._before = None


class _Token:
    """One caller that is inside."""


class _Here(threading.local):
    def __init__(self) -> None:
        self.held = _Held()


_process, _here = _Held(), _Here()


@cache
def libraries() -> tuple[list[Any], list[Any]]:
    """Those whose number of threads is the process's, and those (built with OpenMP) where each thread has its own."""
    found = [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
    own = [library for library in found if getattr(library, "threading_layer", None) == "openmp"]
    return [library for library in found if library not in own], own


def described() -> str:
    """Each BLAS in use, its version and the kind of processor that it takes this one for: these decide its bits."""
    known = ("internal_api", "version", "architecture")
    words = [[getattr(one, name, None) for name in known] for group in libraries() for one in group]
    return "; ".join(dict.fromkeys(" ".join(str(word) for word in own if word) for own in words)) or "none"


def first_use() -> None:
    """Have BLAS take its memory: OpenBLAS ends the process where there is none at its first use.

    A training begins with this, so that it is not its pictures, after the last epoch, that use BLAS first.
    """
    np.linalg.inv(np.eye(3))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """While inside, matrix products of this thread run in it alone; of another one too, with most libraries.

    Where the number is the process's, the first of several threads inside sets it and the last one takes it back.
    """
    shared, own = libraries()
    me = _Token()
    try:
        with _lock:
            _process.enter(shared, me)
        _here.held.enter(own, me)
        yield
    finally:
        try:
            _here.held.leave(own, me)
        finally:
            with _lock:
                _process.leave(shared, me)


def _set(libraries: list[Any], numbers: list[int | None]) -> None:
    """How many threads each library may use."""
    for library, number in zip(libraries, numbers, strict=True):
        # threadpoolctl 3.8 lets no thread set what another one has set; here whoever comes first or last does.
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
        if number is not None:
            library.set_num_threads(number)
