"""The one way to the terminal for lines of text: names out of files are in them, and none may command the terminal."""

from __future__ import annotations

import click

from nbcnn.errors import printable


def say(text: str = "", err: bool = False) -> None:
    """Print lines, on the error output if ``err``; what a terminal would obey is shown instead (errors.printable)."""
    click.echo(printable(text, lines=True), err=err)
