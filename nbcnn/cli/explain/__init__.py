"""``nbcnn explain``: a convolution's number traced, and a wrong memory layout tried, on the reader's own network."""

from __future__ import annotations

import click

from nbcnn.cli._command_group import Verbs


@click.group(
    "explain", cls=Verbs, package=__name__, short_help="One number of a convolution, traced; what a layout does."
)
def command() -> None:
    """Show how a number comes about, step by step, with the numbers of the engine."""
