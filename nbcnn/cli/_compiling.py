"""A word for the seconds in which kernels are compiled or timed, for commands that have no progress display."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nbcnn.cli._tables import wrapped

if TYPE_CHECKING:
    from nbcnn.choices import Choice


def choosing() -> str:
    """What to say before backends are timed; whether the answer can be kept is known by then."""
    from nbcnn.auto import is_remembered

    kept = "the answer is remembered" if is_remembered() else "the answer is not kept: see the warning"
    return f"choosing backends, timed on a pack of 16 images ({kept}) ..."


def compiling() -> str:
    """What to say before kernels are compiled."""
    from nbcnn.kernels.jit import cache_folder

    return f"compiling kernels ({'first run only' if cache_folder() else 'they are not kept: see the warning'}) ..."


@contextmanager
def compiling_is_told() -> Iterator[None]:
    """Say on standard error, once, that kernels are being compiled, should any have to be; and what ``auto`` chose."""
    from nbcnn.auto import Listener, told
    from nbcnn.kernels.ledger import announced

    begun = _once(choosing)

    class Choices(Listener):
        def choosing(self, problem: str) -> None:
            begun(problem)

        def chosen(self, choice: Choice) -> None:
            click.echo(wrapped(f"auto: {choice.short if choice.remembered else choice}"), err=True)

    with announced(_once(compiling)), told(Choices()):
        yield


def _once(sentence: Callable[[], str]) -> Callable[[str], None]:
    """Says what the sentence is when it is first called, whatever with."""
    told: list[str] = []

    def tell(what: str) -> None:
        if not told:
            click.echo(sentence(), err=True)
        told.append(what)

    return tell
