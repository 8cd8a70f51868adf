"""``nbcnn explain``: its subcommands show one idea each on a network of the reader's own."""

from __future__ import annotations

import click

from nbcnn.cli._command_group import Verbs


@click.group(
    "explain", cls=Verbs, package=__name__, short_help="One number of a convolution, traced; what a layout does."
)
def command() -> None:
    """Show how a number comes about, step by step, with the numbers of the engine."""
