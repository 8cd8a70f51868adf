"""A status line while kernels are compiled or timed, for commands without a progress display."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nbcnn.cli._output import say
from nbcnn.cli._tables import wrapped

if TYPE_CHECKING:
    from rich.status import Status

    from nbcnn.autotune.choice import Choice


def choosing() -> str:
    """The line before backends are timed; it says whether the answer can be cached."""
    from nbcnn.autotune.auto import is_remembered

    kept = "the answer is remembered" if is_remembered() else "the answer is not kept: see the warning"
    return f"choosing backends, timed on a pack of 16 images ({kept}) ..."


def compiling(known: int) -> str:
    """The line before the first of so many known kernels is compiled, where no line can be updated.

    Those that a backend calls from Python are not among them (compiler/compile_log.py).
    """
    return f"compiling kernels, {known} to begin with ({kept('first run only')}) ..."


def compiling_now(kernel: str, done: int, left: int) -> str:
    """``compiling conv2d.direct.forward, 4 of 18``: the updated line; ``left`` counts this kernel too."""
    short = kernel.removeprefix("nbcnn.").partition(".")[2]  # without the room or, of a plugin, a digest of its folder
    if not kernel.startswith(("nbcnn.", "nbcnn_plugin_")):
        short = kernel
    return f"compiling {short}, {done + 1} of {done + left}"


def kept(where: str) -> str:
    """The place where compiled kernels are kept: ``where``, or that there is none."""
    from nbcnn.compiler.kernel_cache import cache_folder

    return where if cache_folder() else "they are not kept: see the warning"


class Teller:
    """Reports of compiled kernels: on a terminal a changing line, elsewhere one line at the first kernel.

    ``choosing``: what is compiled now is for a choice, whose line has said so; it gets no line of its own.
    """

    def __init__(self, say: Callable[[str], None], move: Callable[[str], None] | None) -> None:
        self._say, self._move, self._done, self._told = say, move, 0, False
        self.choosing = False

    def __call__(self, kernel: str, left: int) -> None:
        """As compiler/compile_log.py calls it."""
        if self._move:
            self._move(compiling_now(kernel, self._done, left) if left else "")
        elif left and not (self._told or self.choosing):
            self._say(compiling(left))
            self._told = True
        self._done += left > 0


@contextmanager
def compiling_is_told() -> Iterator[Callable[[str], None]]:
    """Say on standard error which kernels are being compiled, should any have to be; and what ``auto`` chose.

    Gives what says another line there.
    """
    from nbcnn.autotune.auto import Listener, choice_listener
    from nbcnn.compiler.compile_log import compile_listener

    line = _Line()
    begun: list[str] = []

    class Choices(Listener):
        def choosing(self, problem: str) -> None:
            if not begun:
                line.say(choosing())
            begun.append(problem)
            if terminal:
                from rich.markup import escape

                line.now = escape(f"timing backends of {problem}")
                line.move("")
            teller.choosing = True

        def chosen(self, choice: Choice) -> None:
            teller.choosing = False
            line.now = ""
            line.say(wrapped(f"auto: {choice.short if choice.remembered else choice}"))

    try:
        terminal = sys.stderr is not None and sys.stderr.isatty()  # None where it was closed
        teller = Teller(line.say, line.move if terminal else None)
        with compile_listener(teller), choice_listener(Choices()):
            yield line.say
    finally:
        line.now = ""
        line.move("")


class _Line:
    """Standard error: lines and, on a terminal, one changing line below them.

    ``now`` is that line's text while it has no other.
    """

    def __init__(self) -> None:
        self.now = ""
        self._status: Status | None = None

    def say(self, line: str) -> None:
        self._stop()
        say(line, err=True)

    def move(self, text: str) -> None:
        text = text or self.now
        if self._status is None and text:
            from rich.console import Console

            self._status = Console(stderr=True, highlight=False).status(text)
            self._status.start()
        elif self._status is not None and text:
            self._status.update(text)
        else:
            self._stop()

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
