"""Tables and long lines on the terminal, without the trailing spaces of rich's."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nbcnn.cli._output import echo

if TYPE_CHECKING:
    from rich.table import Table


WIDEST = 100
"""Columns of a line, on terminals and in files alike."""
NO_BREAK = "\N{NO-BREAK SPACE}"
"""Becomes a space when the line is broken."""


def wrapped(line: str) -> str:
    """The line, broken between words where it is too long; what follows is set in by four more columns.

    Names stay with their milliseconds, arrows with what they point to; NO_BREAK holds other words together.
    """
    indent = " " * (len(line) - len(line.lstrip(" ")) + 4)
    bound = re.sub(r" (?=→|[\d.,]+ ms\b|ms\b)|(?<=→) ", NO_BREAK, line)
    text = textwrap.fill(bound, WIDEST, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return text.replace(NO_BREAK, " ")


def plain_table(names: Iterable[str], numbers: Iterable[str] = (), **options: Any) -> Table:
    """A table without lines: columns of words, then of numbers, which stand on the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, **options)
    for title in names:
        table.add_column(title)
    for title in numbers:
        table.add_column(title, justify="right")
    return table


def show(table: Table) -> None:
    """Print a table as wide as it needs to be."""
    from rich.console import Console

    console = Console(highlight=False, width=200)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        echo(line.rstrip())  # names of code alone, and on a terminal rich's own colours
