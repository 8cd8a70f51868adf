"""Protection of process state while a plugin loads: current folder, signals, settings, input, output.

Whatever it changes would change commands, bits or run folders far from it, and nothing would say so.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nbcnn.errors import PluginError

_forks = [0]
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: _forks.__setitem__(0, _forks[0] + 1))


class _NoInput(io.TextIOBase):
    """Standard input of a plugin that is being loaded."""

    def readable(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        raise EOFError("nobody answers while a plugin is loaded")

    def read(self, size: int | None = -1, /) -> str:
        return self.readline()


@contextmanager
def undisturbed(place: str) -> Iterator[None]:
    """Inside, a plugin runs. What it changed of the process is changed back, and PluginError says what that was."""
    before = {what: look() for what, (look, _) in _LOOKED_AT.items()}
    forks, process, stdin = _forks[0], os.getpid(), sys.stdin
    sys.stdin = _NoInput()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(1)  # the copy that a fork made, which would go on with the command as well
        sys.stdin = stdin
        changed = []
        for what, (look, put_back) in _LOOKED_AT.items():
            if look() != before[what]:
                put_back(before[what])
                changed.append(f"changes {what}")
        if _forks[0] != forks:
            changed.append("starts a copy of the process (fork)")
        if changed and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
            raise PluginError(
                f"{place}: it {' and '.join(changed)} while it is loaded; a plugin only defines and registers"
            )


def _folder() -> str:
    with suppress(OSError):
        return os.getcwd()
    return ""


def _change_folder(folder: str) -> None:
    with suppress(OSError):
        os.chdir(folder)


def _settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("NUMBA_", "NBCNN_"))}


def _put_settings(settings: dict[str, str]) -> None:
    for name in set(_settings()) - set(settings):
        del os.environ[name]
    os.environ.update(settings)


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def _put_handlers(handlers: list[Any]) -> None:
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
        with suppress(ValueError, TypeError):  # another thread than the main one can't have changed it either
            signal.signal(number, handler)


def _errors() -> dict[str, Any]:
    import numpy as np

    return {**np.geterr()}


def _put_errors(errors: dict[str, Any]) -> None:
    import numpy as np

    np.seterr(**errors)


def _put_output(streams: list[Any]) -> None:
    sys.stdout, sys.stderr = streams


_LOOKED_AT: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "the current folder": (_folder, _change_folder),
    "what Ctrl-C or SIGTERM do": (_handlers, _put_handlers),
    "NumPy's reaction to floating-point errors (np.seterr)": (_errors, _put_errors),
    "settings in the environment (NUMBA_…, NBCNN_…)": (_settings, _put_settings),
    "how deep Python may recurse": (sys.getrecursionlimit, sys.setrecursionlimit),
    "sys.stdout or sys.stderr": (lambda: [sys.stdout, sys.stderr], _put_output),
}
"""How each is looked at, and put back."""
