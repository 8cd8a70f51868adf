"""Tables on the terminal: rich's, without the spaces that it leaves at the ends of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table


def show(table: Table) -> None:
    """Print a table as wide as it needs to be."""
    from rich.console import Console

    console = Console(highlight=False, width=200)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())
