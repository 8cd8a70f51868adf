"""Ctrl-C and SIGTERM as stop requests: training ends after the current step, with everything saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

from nbcnn.autotune.auto import Listener

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedError(KeyboardInterrupt):
    """Training was stopped by the ``signal`` of this number. Not an Exception, as KeyboardInterrupt isn't."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


class StopRequest:
    """While inside, a first SIGINT or SIGTERM only sets ``wanted``; ``check`` then raises StoppedError.

    Raised just anywhere, out of the middle of compiling say, it could crash the process. A second one raises at once
    all the same, and a third ends the process, whatever it does. Signals that somebody else handles, or ignores, stay
    theirs; and only a main thread can be told of any.
    """

    def __init__(self) -> None:
        self.wanted: int | None = None
        """The signal's number."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            usual = (signal.default_int_handler, signal.SIG_DFL)
            try:
                for number in SIGNALS:
                    if (handler := signal.getsignal(number)) in usual:
                        self._before[number] = handler
                        signal.signal(number, self._note)
            except BaseException:  # another signal's handler may raise, here too
                self.__exit__()
                raise
        return self

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self, *about: object) -> None:
        """Raises StoppedError if it is wanted; call it where all is saved, with whatever there is to say."""
        if self.wanted is not None:
            raise StoppedError(self.wanted)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.wanted = self.wanted is not None, number
        if again:
            signal.signal(number, signal.SIG_DFL)
            raise StoppedError(number)


class StopBetweenChoices(Listener):
    """Ends a training between two choices of backends after Ctrl-C; ``compile_listener`` does between kernels."""

    def __init__(self, stopping: StopRequest) -> None:
        self._stopping = stopping

    def choosing(self, problem: str) -> None:
        """Candidates are about to be timed, which takes a while."""
        self._stopping.check()
