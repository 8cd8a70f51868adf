"""A log of the kernels that this process compiled or loaded, and a count of those still to be compiled.

The kernels counted beforehand are those that are called directly, from a call list or from Python. Kernels that they
call in turn are compiled as a part of them, and are not known before their caller is compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple


class Compiled(NamedTuple):
    """One entry of the log: the kernel, ``compiled`` or ``loaded``, and how many seconds that took.

    Callees that are compiled on the way have lines of their own, and their seconds are not the caller's as well: a sum
    over the log is the time that went by. ``on_the_way`` marks them. ``thread`` did it.
    """

    kernel: str
    how: str
    seconds: float
    on_the_way: bool = False
    thread: int = 0


COMPILE_LOG: list[Compiled] = []
"""The kernels compiled or loaded in this process, in order."""

Listener = Callable[[str, int], None]
"""Called with a kernel's name and the count of known ones yet to be compiled, this one included; 0 at the end."""


class _Here(threading.local):
    """Per-thread state: of two trainings in one process, each is notified of its own kernels only."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.expected: dict[Hashable, object] = {}
        self.ahead = False
        self.elsewhere: set[Hashable] = set()


_here = _Here()
_expected: dict[int, dict[Hashable, object]] = {}
"""The kernels yet to be compiled, for each thread with a listener: their keys, and what they are."""


@contextmanager
def compile_listener(listener: Listener) -> Iterator[None]:
    """While inside, call ``listener`` before this thread compiles a kernel that is on no other's way, and after the
    last.
    """
    try:
        _here.listeners.append(listener)
        _expected[threading.get_ident()] = _here.expected
        yield
    finally:
        if listener in _here.listeners:  # not where this thread was interrupted before
            _here.listeners.remove(listener)
        if not _here.listeners:
            _here.expected.clear()
            _expected.pop(threading.get_ident(), None)


def listened_to() -> bool:
    """Whether this thread has a listener."""
    return bool(_here.listeners)


def expect_kernels(kernels: Mapping[Any, object]) -> None:
    """Count these kernels, by their keys, as yet to be compiled, before the first of them begins."""
    if listened_to():
        for key, kernel in kernels.items():
            _here.expected.setdefault(key, kernel)


def expected_kernels() -> list[object]:
    """The kernels that are yet to be compiled, in order."""
    return list(_here.expected.values())


class _Noted(BaseException):
    """Raised to leave ``looking_ahead`` at the first kernel that would be compiled."""


@contextmanager
def looking_ahead() -> Iterator[None]:
    """While inside, the first kernel of this thread that would have to be compiled is only expected, and ends it."""
    _here.ahead = True
    try:
        yield
    except _Noted:
        pass
    finally:
        _here.ahead = False


def announce(name: str, key: Hashable, kernel: object = None, elsewhere: bool = False) -> None:
    """Compiling begins; ``elsewhere``: in another process, and it is counted no more."""
    expect_kernels({key: kernel})  # for listeners alone: where compiling fails, nobody takes it back
    if _here.ahead:
        raise _Noted
    for listener in _here.listeners:
        listener(name, len(_here.expected))
    if elsewhere:
        _here.expected.pop(key, None)


def enter(line: Compiled, key: Hashable) -> None:
    """Compiling or loading is done."""
    for expected in list(_expected.values()):  # whoever else waits for it need not compile it
        expected.pop(key, None)
    if key in _here.elsewhere:
        _here.elsewhere.discard(key)
        line = line._replace(how="compiled")
    COMPILE_LOG.append(line)
    if line.how == "compiled" and not line.on_the_way and not _here.expected and not _here.elsewhere:
        for listener in _here.listeners:
            listener(line.kernel, 0)


@contextmanager
def compiled_elsewhere(keys: Iterable[Hashable], seconds: float) -> Iterator[None]:
    """While inside, these count as compiled when loaded: other processes did it, and this one waited so long."""
    COMPILE_LOG.append(Compiled("other processes", "compiled", seconds, True, threading.get_ident()))
    try:
        _here.elsewhere.update(keys)
        yield
    finally:
        _here.elsewhere.clear()


def since(before: int) -> list[Compiled]:
    """The lines of this thread, of those after the first ``before`` ones of the log."""
    return [line for line in COMPILE_LOG[before:] if line.thread == threading.get_ident()]


def total(lines: Iterable[Compiled], how: str) -> tuple[int, float]:
    """How many kernels were compiled (or loaded), without those on the way of others, and all the seconds of that."""
    chosen = [line for line in lines if line.how == how]
    return sum(not line.on_the_way for line in chosen), sum(line.seconds for line in chosen)
