"""Printing of text lines, with control characters (from file names, for instance) escaped."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from nbcnn.errors import printable


def say(text: str = "", err: bool = False) -> None:
    """Print lines, on the error output if ``err``; what a terminal would obey is shown instead (errors.printable)."""
    echo(printable(text, lines=True), err)


def echo(text: str, err: bool = False) -> None:
    """Print text that is known to be fit for a terminal.

    Raises OutputLostError where whoever read the output has gone, OSError where it can't be written. An error output
    that can't be written is passed over: there is nobody to tell, and a warning must not end a training.
    """
    try:
        # The stream itself: click would write UTF-8 to one that is set to ASCII.
        click.echo(text, sys.stderr if err else sys.stdout)
    except BrokenPipeError:
        if not err:
            raise OutputLostError from None
    except OSError:
        if not err:
            raise


class OutputLostError(Exception):
    """The reader of the output has closed it. Not an OSError, for which click has an exit code of its own."""


def open_closed_streams() -> None:
    """Give the null device to standard streams that were closed before the program began.

    Their numbers would be those of the next files that are opened, and what C code prints would be written into these.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
