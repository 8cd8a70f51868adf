"""What was compiled or loaded in this process, and word of what is about to be: for those who wait, and how long yet.

The kernels that are counted beforehand are those that are called by themselves, from a tape or from Python. What they
call in turn is compiled on the way, as a part of them; nobody can know it before its caller has been looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Compiled(NamedTuple):
    """One line of the ledger: which kernel, ``compiled`` or ``loaded``, and how many seconds that took.

    Callees that are compiled on the way have lines of their own, and their seconds are not the caller's as well: a sum
    over the ledger is the time that went by. ``on_the_way`` tells them.
    """

    kernel: str
    how: str
    seconds: float
    on_the_way: bool = False


LEDGER: list[Compiled] = []
"""What has been compiled or loaded in this process, in order."""

Listener = Callable[[str, int], None]
"""Is told a kernel's name, and how many known ones are still to be compiled, this one included; 0 when all are."""

_listeners: list[Listener] = []
_expected: set[Hashable] = set()
_ahead = threading.local()


@contextmanager
def announced(listener: Listener) -> Iterator[None]:
    """While inside, call ``listener`` before a kernel is compiled that is on no other's way, and after the last."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
        if not _listeners:
            _expected.clear()


def listened_to() -> bool:
    """Whether anybody wants to know."""
    return bool(_listeners)


def expect(kernels: Iterable[Hashable]) -> None:
    """These will be compiled before long: what is left is known before the first begins."""
    if listened_to():
        _expected.update(kernels)


class _Noted(BaseException):
    """Ends a look ahead."""


@contextmanager
def looking_ahead() -> Iterator[None]:
    """While inside, the first kernel of this thread that would have to be compiled is only expected, and ends it."""
    _ahead.on = True
    try:
        yield
    except _Noted:
        pass
    finally:
        _ahead.on = False


def announce(name: str, key: Hashable) -> None:
    """Compiling begins."""
    expect([key])  # for listeners alone: where compiling fails, nobody takes it back
    if getattr(_ahead, "on", False):
        raise _Noted
    for listener in _listeners:
        listener(name, len(_expected))


def enter(line: Compiled, key: Hashable) -> None:
    """Compiling or loading is done."""
    _expected.discard(key)
    LEDGER.append(line)
    if line.how == "compiled" and not line.on_the_way and not _expected:
        for listener in _listeners:
            listener(line.kernel, 0)


def total(lines: Iterable[Compiled], how: str) -> tuple[int, float]:
    """How many kernels were compiled (or loaded), without those on the way of others, and all the seconds of that."""
    chosen = [line for line in lines if line.how == how]
    return sum(not line.on_the_way for line in chosen), sum(line.seconds for line in chosen)
