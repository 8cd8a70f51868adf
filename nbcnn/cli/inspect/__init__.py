"""``nbcnn inspect``: what a trained network has learned and computes, each subcommand with numbers and a picture."""

from __future__ import annotations

import click

from nbcnn.cli._command_group import Verbs


@click.group(
    "inspect",
    cls=Verbs,
    package=__name__,
    short_help="Filters, feature maps, saliency, fields, shifts of a trained network.",
)
def command() -> None:
    """Look into a trained network: its numbers come from the engine, and each command draws a picture of them."""
