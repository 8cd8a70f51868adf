"""What Python does meanwhile: files that are opened or changed, code that is run, programs and connections.

``sys.addaudithook`` hears of all of it, from whichever library it comes; a hook stays until the process ends.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUR_OWN = tuple(
    os.path.realpath(path)
    for path in {
        *sysconfig.get_paths().values(), *site.getsitepackages(), sys.prefix, sys.base_prefix, str(ROOT / "nbcnn"), str(ROOT / "models"),
        str(ROOT / "plugins"),
    }
)  # fmt: skip
"""Where Python's, nbcnn's and the packages' own files are: to be read, never to be written."""

_SYSTEM = ("/proc/meminfo", "/proc/self/", f"/proc/{os.getpid()}/", "/sys/fs/cgroup/")
"""Where the system says how much memory and how many processors there are: to be read."""

_CHANGES = {
    "os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2, "os.chmod": 1, "os.chown": 1,
    "os.truncate": 1, "os.utime": 1, "shutil.rmtree": 1, "shutil.copyfile": 2, "shutil.move": 2, "shutil.unpack_archive": 2,
    "os.setxattr": 1, "tempfile.mkstemp": 1, "tempfile.mkdtemp": 1,
}  # fmt: skip
"""Events that change files, and how many of their arguments are paths."""
_NEVER = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn", "socket.",
    "urllib.Request", "http.client", "ftplib.", "smtplib.", "pickle.find_class", "webbrowser.open", "os.putenv", "os.chdir",
    "shutil.unpack_archive", "ctypes.dlopen", "sqlite3.", "os.startfile", "code.__new__", "function.__new__", "sys.settrace",
)  # fmt: skip
"""Events, or their beginnings, that no file may cause."""


_MAKERS = ("collections", "dataclasses", "typing")
"""Modules of Python that make code of text when classes are defined or their annotations read, as an import does."""


class Watch:
    """What was seen that nothing hostile may cause, as sentences."""

    def __init__(self, folder: Path) -> None:
        self._inside = os.path.realpath(folder)
        self._thread = threading.get_ident()
        self.seen: list[str] = []
        self.opened = 0
        self._busy = False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or threading.get_ident() != self._thread:
            return
        self._busy = True  # what this function does itself is no event
        try:
            self._judge(event, arguments)
        finally:
            self._busy = False

    def _judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            path, mode, flags = arguments
            writes = (
                bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
                if mode is None
                else mode.strip("rbtU")
            )
            self.opened += 1
            real = _real(path)
            if not self._is_inside(real) and (writes or not real.startswith((*OUR_OWN, *_SYSTEM))):
                self.seen.append(f"{'writes' if writes else 'reads'} {real}")
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                if isinstance(path, (str, bytes, os.PathLike)) and not self._is_inside(_real(path)):
                    self.seen.append(f"{event} {path!r}")
        elif event.startswith(_NEVER):
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event in ("exec", "compile"):
            self._code(event, arguments)

    def _code(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Code may come from installed packages, or be made by them at an import (``<string>`` of namedtuple)."""
        file = arguments[0].co_filename if event == "exec" else arguments[1]
        name = os.fsdecode(file) if isinstance(file, (str, bytes)) else str(file)
        made = name == "<string>" and _caller() in _MAKERS
        if not (made or name.startswith("<frozen ") or os.path.realpath(name).startswith(OUR_OWN)):
            self.seen.append(f"{event} of {name} by {_caller()}")

    def _is_inside(self, real: str) -> bool:
        return real == self._inside or real.startswith(self._inside + os.sep)


_WATCHES: list[Watch] = []
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watch in _WATCHES:
        watch.hear(event, arguments)


@contextmanager
def watched(folder: Path) -> Iterator[Watch]:
    """Inside, only ``folder`` may be read or changed, packages read, and no code but theirs run; else AssertionError."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
    watch = Watch(folder)
    _WATCHES.append(watch)
    try:
        yield watch
    finally:
        _WATCHES.remove(watch)
    assert not watch.seen, "; ".join(watch.seen[:10])


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    """Inside, Python and NumPy never hold more than so many bytes that they did not hold before."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak:,} bytes were asked for, at most {most:,} may be"


def _caller() -> str:
    """The module whose code caused the event."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def _real(path: Any) -> str:
    try:
        return os.path.realpath(os.fsdecode(path))
    except (ValueError, OSError):
        return str(path)
