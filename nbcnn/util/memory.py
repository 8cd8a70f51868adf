"""The memory limit of this process, and nbcnn's own error where something takes more.

A system may promise more memory than it has, and end a program when it is written to: so what a network needs is held
against this number before it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nbcnn.errors import ShapeError

F = TypeVar("F", bound=Callable[..., Any])

_MACHINE, _GROUPS, _OWN = Path("/proc/meminfo"), Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class Memory(NamedTuple):
    """The bytes that this process may have, infinite where the system has no limit, and what sets it, in words."""

    bytes: float
    words: str
    more: str = ""

    def __str__(self) -> str:
        """As in ``this machine has 25.1 GB free``."""
        return f"{self.words} {gigabytes(self.bytes)}{self.more}"


def memory() -> Memory:
    """The least of: this machine's free memory, its container's, what the process's limit (``ulimit -v``) leaves."""
    known = [_machine(), *_containers(), _left_of_the_limit()]
    return min(known, key=lambda one: one.bytes)


def gigabytes(count: float) -> str:
    """``25.1 GB``, ``3.2 MB``; of what no memory ever has about how much: ``1e+31 GB``."""
    if count < 1e8:
        return f"{count / 1e6:,.1f} MB"
    return f"{count / 1e9:,.1f} GB" if count < 1e17 else f"{count / 1e9:.0e} GB"


def claim(what: str, count: float, remedy: str) -> None:
    """Raise ShapeError where ``what`` takes more bytes than there are."""
    has = memory()
    if count > has.bytes:
        raise ShapeError(f"{what} takes {gigabytes(count)}, and {has}: {remedy}")


@contextmanager
def no_memory_error(what: str, remedy: str) -> Iterator[None]:
    """While inside, a MemoryError becomes a ShapeError; ``what`` needed the memory."""
    try:
        yield
    except MemoryError:
        raise ShapeError(f"{what}: there is not enough memory for it ({memory()}): {remedy}") from None


def within_memory(function: F) -> F:
    """Decorate a function on arrays: a MemoryError becomes a ShapeError."""

    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        with no_memory_error(function.__name__, "use smaller arrays, or fewer images at a time"):
            return function(*arguments, **options)

    return wrapped  # type: ignore[return-value]


def _machine() -> Memory:
    """Memory that no program uses, as Linux reports it; taking more would end this program, or another one."""
    try:
        total = Memory(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"), "this machine has")
    except (AttributeError, ValueError, OSError):
        return Memory(float("inf"), "this machine has")
    try:
        lines = _MACHINE.read_text(encoding="ascii").splitlines()
        kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        free = 1024.0 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0))
    except (OSError, ValueError, IndexError, KeyError):
        return total
    return min(total, Memory(free, "this machine has", " free"), key=lambda one: one.bytes)


def _containers() -> Iterator[Memory]:
    """The bytes that Linux's control groups allow, this process's own and those above it, version 2 and version 1."""
    try:
        lines = _OWN.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        root, name = ("", "memory.max") if kinds == "" else ("memory", "memory.limit_in_bytes")
        for folder in (Path(path.lstrip("/")), *Path(path.lstrip("/")).parents):
            try:
                text = (_GROUPS / root / folder / name).read_text(encoding="ascii")
                yield Memory(float(text), "this container may have")
            except (OSError, ValueError):  # not there, or the word max
                continue


def _left_of_the_limit() -> Memory:
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            raise OSError
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return Memory(max(0.0, float(limit) - pages * os.sysconf("SC_PAGE_SIZE")), "this process may still take")
    except (ImportError, AttributeError, OSError, ValueError, IndexError):
        return Memory(float("inf"), "this process may take")
