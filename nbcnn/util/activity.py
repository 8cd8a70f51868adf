"""A status file of a child process, read by the process that watches it for hangs and crashes.

A kernel without the lock, or one that ends the program, can't be caught from inside. A watcher sees that the file has
not changed for long, or that the process is gone, and the file says what was under way.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
import time
from typing import Any

from nbcnn.errors import PluginError

VARIABLE = "NBCNN_PATIENCE"
PATIENCE = 100.0
"""Seconds that one thing may take: to load a plugin's file, to compile a kernel and call it on a small problem."""

State = dict[str, Any]


class _Here:
    """The activity file of this process, and its present content."""

    def __init__(self) -> None:
        self.file: int | None = None
        self.state: State = {}
        self.count = 0


_here = _Here()


def patience() -> float:
    """NBCNN_PATIENCE in seconds, or 100; raises PluginError for what is no such number."""
    text = os.environ.get(VARIABLE, "")
    try:
        seconds = float(text) if text else PATIENCE
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise PluginError(f"{VARIABLE} must be a number of seconds above 0, got {text!r}")
    return seconds


def watched_through(file: int) -> None:
    """Write all later activity to this file descriptor; on Linux, end when the watcher does."""
    _here.file = file
    _here.state = {}
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def is_watched() -> bool:
    """Whether another process watches this one."""
    return _here.file is not None


def current_state() -> State:
    """The present content of the file."""
    return _here.state


def tell(**changes: Any) -> None:
    """Change the content of the file. ``now`` is what has just begun, in words; "" when it is over."""
    if _here.file is None:
        return
    _here.count += 1
    _here.state = {**_here.state, **changes, "count": _here.count}
    data = json.dumps(_here.state).encode()
    os.pwrite(_here.file, b"%08d" % len(data) + data, 0)


class Watcher:
    """The reader of a process's activity file, which also measures how long it has not changed."""

    def __init__(self, seconds: float) -> None:
        self._file, path = tempfile.mkstemp(prefix="nbcnn-doing-")
        os.unlink(path)
        self._seconds = seconds
        self._seen: State = {}
        self._since = self._looked = time.monotonic()

    def fileno(self) -> int:
        """The file descriptor, to be handed to the process."""
        return self._file

    def close(self) -> None:
        """Nobody is watched any more."""
        os.close(self._file)

    def read(self) -> State:
        """The last content of the file; {} where there is none."""
        data = os.pread(self._file, 1 << 16, 0)
        try:
            state = json.loads(data[8 : 8 + int(data[:8])])
        except ValueError:  # nothing yet, or in the midst of being written
            return self._seen
        return state if isinstance(state, dict) else {}

    def overdue(self) -> State | None:
        """The activity that has lasted too long, or nothing. To be called about twice a second."""
        state, now = self.read(), time.monotonic()
        if now - self._looked > 5:  # this process was stopped; so, likely, was the other
            self._since += now - self._looked
        self._looked = now
        if state != self._seen:
            self._seen, self._since = state, now
        return state if state.get("now") and now - self._since > self._seconds else None


def ending(code: int) -> str:
    """How a process ended, from what ``subprocess`` gives: ``SIGSEGV`` or ``exit code 3``."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def why(code: int, state: State) -> str:
    """The likely reason why a process ended in a kernel, as a clause."""
    name = ending(code)
    if name in ("SIGSEGV", "SIGBUS") and state.get("recursion"):
        return f"{state['recursion']} without an end, and the stack overflowed"
    if name in ("SIGSEGV", "SIGBUS"):
        return "it reads or writes far out of its arrays"
    if name == "SIGABRT":
        return "it writes out of its arrays, or aborts by itself"
    if name == "SIGKILL":
        return "the system does so when memory runs out; does it allocate without a bound?"
    return "it ends the program; a kernel only computes" if code >= 0 else "it computes what the processor can't do"
