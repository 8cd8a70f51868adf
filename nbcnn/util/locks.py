"""Locks that are free in a forked child process, where the thread that held one is gone."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager


def module_lock() -> AbstractContextManager[bool]:
    """A reentrant lock for what a module has one of."""
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)  # type: ignore[attr-defined]  # as in Lib/logging
    return lock
