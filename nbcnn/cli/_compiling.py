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
    from nbcnn.auto import told
    from nbcnn.kernels.jit import announced

    with announced(_once("compiling kernels (first run only) ...")), told(_Choices()):
        yield


class _Choices:
    """Tells of choices of backends (a Listener of auto.py)."""

    def __init__(self) -> None:
        self.choosing = _once(CHOOSING)

    def chosen(self, choice: Choice) -> None:
        """A choice, in full when it is new."""
        click.echo(f"auto: {choice.short if choice.remembered else choice}", err=True)


def _once(sentence: str) -> Callable[[str], None]:
    """Says the sentence when it is first called, whatever with."""
    told: list[str] = []

    def tell(what: str) -> None:
        if not told:
            click.echo(sentence, err=True)
        told.append(what)

    return tell
