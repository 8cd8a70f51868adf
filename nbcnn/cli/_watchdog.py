"""A watching parent process for commands with plugins, which reports crashes and hangs of plugin code.

A plugin's kernel may crash the process that it runs in, or never come back, and nobody in there can say so. The watcher
hands signals on, leaves with the command's own exit code, and adds sentences of its own only where a plugin's code
took the command down. Commands without plugins run as they are; so does everything on systems without ``fork``.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from shlex import quote

from nbcnn.cli._output import say
from nbcnn.util import activity

HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)
SOON = 0.3
"""Seconds in which a signal that went to both, as a terminal's do, is reported by the child."""
AGAIN = 5.0
"""Seconds after a second Ctrl-C in which the command may still end by itself."""


def needed(words: Sequence[str]) -> bool:
    """Whether a command will load plugins."""
    named = any(word == "--plugin" or word.startswith("--plugin=") or word.endswith(".py") for word in words)
    return hasattr(os, "fork") and (named or bool(os.environ.get("NBCNN_PLUGINS")))


def watch(words: Sequence[str]) -> None:
    """Return in a child process, which does the command; this process stays behind and ends as the child did."""
    seconds, watcher = activity.patience(), activity.Watcher(activity.patience())
    sys.stdout.flush()
    sys.stderr.flush()
    heard_of, heard = os.pipe()
    os.set_blocking(heard_of, False)
    os.set_blocking(heard, False)
    process = os.fork()
    if process == 0:
        os.close(heard_of)
        activity.watched_through(watcher.fileno())
        signal.set_wakeup_fd(heard, warn_on_full_buffer=False)  # each signal that arrives is a byte for the watcher
        return
    os.close(heard)
    try:
        status, late = _Watch(process, watcher, heard_of).wait()
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    _leave(status, late, watcher.read(), words, seconds)


class _Watch:
    """The parent's wait for its child, with those signals passed on that only the parent got."""

    def __init__(self, process: int, watcher: activity.Watcher, heard_of: int) -> None:
        self._process, self._watcher, self._heard_of = process, watcher, heard_of
        self._heard: dict[int, float] = {}
        self._pending: list[tuple[int, float]] = []
        self._stops: list[float] = []
        self._warned = ""
        self._mine, mine = os.pipe()
        os.set_blocking(self._mine, False)
        os.set_blocking(mine, False)
        for number in (*HANDED_ON, signal.SIGCHLD):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda number, frame: None)
        signal.set_wakeup_fd(mine, warn_on_full_buffer=False)

    def wait(self) -> tuple[int, str]:
        """The child's status as os.waitpid has it; and, where it had to be ended, why: ``late`` or ``stopped``."""
        why = ""
        while True:
            with suppress(InterruptedError):
                select.select([self._mine, self._heard_of], [], [], SOON if self._pending else 0.5)
            self._listen()
            ended, status = os.waitpid(self._process, os.WNOHANG)
            if ended:
                return status, why
            if not why and (why := self._overdue()):
                os.kill(self._process, signal.SIGKILL)

    def _listen(self) -> None:
        now = time.monotonic()
        self._heard |= dict.fromkeys(_bytes(self._heard_of), now)
        for number in _bytes(self._mine):
            if number != signal.SIGCHLD:
                self._pending.append((number, now))
            if number in (signal.SIGINT, signal.SIGTERM):
                self._stops.append(now)
        for number, since in [one for one in self._pending if now - one[1] >= SOON]:
            self._pending.remove((number, since))
            if self._heard.get(number, -1e9) < since - SOON:
                os.kill(self._process, number)

    def _overdue(self) -> str:
        if len(self._stops) > 1 and time.monotonic() - self._stops[1] > AGAIN:
            return "stopped"
        state = self._watcher.overdue()
        if state is None:
            return ""
        if not state.get("may_last"):
            return "late"
        if self._stops:
            return "stopped"
        if self._warned != state["now"]:
            self._warned = state["now"]
            say(
                f"warning: {state['now']} takes long; if it should not: Ctrl-C twice ends it, and {_check(state)}",
                err=True,
            )
        return ""


def _bytes(file: int) -> bytes:
    try:
        return os.read(file, 1024)
    except BlockingIOError:
        return b""


def _leave(status: int, why: str, state: activity.State, words: Sequence[str], seconds: float) -> None:
    """End as the child did; what a plugin did to it is an error in words."""
    code = os.waitstatus_to_exitcode(status)
    failed = 1 if list(words[:2]) == ["kernels", "check"] else 2
    told = str(state.get("now") or "a plugin's code")
    lines: list[str | None] = []
    if why == "late":
        lines = [f"{told} has not come back within {seconds:g} s, so the command was ended"]
        lines += [state.get("recursion"), f"{activity.VARIABLE}=600 in the environment allows 600 seconds"]
    elif why == "stopped":
        lines, failed = [f"stopped, but {told} did not come back and was ended", _hint(state)], 130
    elif -code in CRASHES and state.get("plugins"):
        place = f"in {state['now']}, " if state.get("now") else ""
        crash = f"the command crashed ({activity.ending(code)}) {place}with the plugin {state['plugins']}"
        lines = [f"{crash}: likely {activity.why(code, state)}", _check(state)]
    elif code >= 0 and state.get("plugins") and not state.get("done"):
        lines = [f"{told} ended the program (exit code {code}); a plugin only defines, registers and computes"]
    if not lines:
        _as(code)
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")  # a progress bar hides the cursor
    for line in filter(None, [*lines, state.get("saved")]):
        say(f"error: {line}", err=True)
    sys.stdout.flush()
    os._exit(failed)


def _as(code: int) -> None:
    """End with an exit code, or of a signal."""
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with suppress(OSError, ValueError):  # SIGKILL's disposition is fixed
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _hint(state: activity.State) -> str:
    """The way to find out what is wrong with a plugin, and what is known already."""
    return f"{state['recursion']}; {_check(state)}" if state.get("recursion") else _check(state)


def _check(state: activity.State) -> str:
    files = state.get("files") or []
    if files:
        return " and ".join(f"nbcnn kernels check {quote(file)}" for file in files) + " says what is wrong"
    return "run it once more with NUMBA_BOUNDSCHECK=1 in the environment: an index out of an array is then told"
