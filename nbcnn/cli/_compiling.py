"""A word for the seconds in which kernels are compiled or timed, for commands that have no progress display."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nbcnn.choices import Choice

CHOOSING = "choosing backends, timed on a pack of 16 images (the answer is remembered) ..."


@contextmanager
def compiling_is_told() -> Iterator[None]:
    """Say on standard error, once, that kernels are being compiled, should any have to be; and what ``auto`` chose."""
    from nbcnn.auto import Listener, told
    from nbcnn.kernels.jit import announced

    begun = _once(CHOOSING)

    class Choices(Listener):
        def choosing(self, problem: str) -> None:
            begun(problem)

        def chosen(self, choice: Choice) -> None:
            click.echo(f"auto: {choice.short if choice.remembered else choice}", err=True)

    with announced(_once("compiling kernels (first run only) ...")), told(Choices()):
        yield


def _once(sentence: str) -> Callable[[str], None]:
    """Says the sentence when it is first called, whatever with."""
    told: list[str] = []

    def tell(what: str) -> None:
        if not told:
            click.echo(sentence, err=True)
        told.append(what)

    return tell
