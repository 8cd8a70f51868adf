"""Ctrl-C and SIGTERM as wishes: training ends at the next good moment, with everything saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedError(KeyboardInterrupt):
    """Training was stopped by the ``signal`` of this number. Not an Exception, as KeyboardInterrupt isn't."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


class Stopping:
    """While inside, SIGINT and SIGTERM raise StoppedError; inside ``later``, the first one only sets ``wanted``.

    The second raises at once even there, and a third ends the process, whatever it does. Signals that somebody else
    handles, or ignores, stay theirs; and only a main thread can be told of any.
    """

    def __init__(self) -> None:
        self.wanted: int | None = None
        """The signal's number."""
        self._wait = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            usual = (signal.default_int_handler, signal.SIG_DFL)
            for number in SIGNALS:
                if signal.getsignal(number) in usual:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def later(self) -> Iterator[None]:
        """While inside, a signal has to wait for the next ``check``."""
        self._wait = True
        try:
            yield
        finally:
            self._wait = False

    def check(self) -> None:
        """Raises StoppedError if it is wanted; call it when everything is saved."""
        if self.wanted is not None:
            raise StoppedError(self.wanted)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.wanted = self.wanted is not None, number
        if again:
            signal.signal(number, signal.SIG_DFL)
        if again or not self._wait:
            raise StoppedError(number)
