"""BLAS with threads of its own inside ours is many times slower than serial, so it gets one wherever kernels run.

It also gives other bits with another number of threads, so that number may not depend on who is at work beside us.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from nbcnn.locks import module_lock

_lock = module_lock()
_inside = 0
_before: list[int | None] = []


@cache
def libraries() -> tuple[list[Any], list[Any]]:
    """Those whose number of threads is the process's, and those (built with OpenMP) where each thread has its own."""
    found = [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
    own = [library for library in found if getattr(library, "threading_layer", None) == "openmp"]
    return [library for library in found if library not in own], own


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
    global _inside, _before
    shared, own = libraries()
    with _lock:
        if _inside == 0:
            _before = _limit(shared, [1] * len(shared))
        _inside += 1
    mine = _limit(own, [1] * len(own))
    try:
        yield
    finally:
        _limit(own, mine)
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limit(shared, _before)


def _limit(found: list[Any], numbers: list[int | None]) -> list[int | None]:
    """Set how many threads each library may use; returns what it was."""
    before = [library.num_threads for library in found]
    for library, number in zip(found, numbers, strict=True):
        # threadpoolctl 3.8 lets no thread set what another one has set; here whoever comes first or last does.
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
        if number is not None:
            library.set_num_threads(number)
    return before
