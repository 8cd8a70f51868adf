"""Exceptions that strike anywhere: at a chosen one of the places where Python would call a signal's handler."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

STUCK = 120
"""Seconds after which a job is taken to hang."""


class Strike(BaseException):
    """As KeyboardInterrupt, no Exception."""


def struck(job: Callable[[], Any], number: int) -> bool:
    """Whether ``job`` came to its ``number``-th place, counted from 1, and was struck there; else it has ended.

    Places are the beginning of each Python function and the end of each call of a built-in one, of this thread.
    """
    left = [number]

    def watch(frame: Any, event: str, arg: Any) -> None:
        if event in ("call", "c_return"):
            left[0] -= 1
            if left[0] == 0:
                raise Strike  # which ends the watching, too

    sys.setprofile(watch)
    try:
        job()
    except Strike:
        return True
    finally:
        sys.setprofile(None)
    return False


def places(job: Callable[[], Any]) -> int:
    """How many places a job has, in this run of it."""
    found = [0]

    def watch(frame: Any, event: str, arg: Any) -> None:
        found[0] += event in ("call", "c_return")

    sys.setprofile(watch)
    try:
        job()
    finally:
        sys.setprofile(None)
    return found[0]


def soon(job: Callable[[], Any]) -> Any:
    """What ``job`` gives, in a thread of its own; fails where it hangs."""
    given: list[Any] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            given.append(job())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(STUCK)
    assert not thread.is_alive(), "it hangs"
    if failed:
        raise failed[0]
    return given[0]
