"""A word for the seconds in which kernels are compiled, for commands that have no progress display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def compiling_is_told() -> Iterator[None]:
    """Say once, on standard error, that kernels are being compiled, should any have to be."""
    from nbcnn.kernels.jit import announced

    told: list[str] = []

    def tell(kernel: str) -> None:
        if not told:
            click.echo("compiling kernels (first run only) ...", err=True)
        told.append(kernel)

    with announced(tell):
        yield
