"""BLAS with threads of its own inside ours is many times slower than serial, so it gets one wherever kernels run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """While inside, matrix products run in the thread that asks for them."""
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited
