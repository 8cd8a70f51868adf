"""``nbcnn expand``: the network that a YAML file builds, written out."""

from __future__ import annotations

from typing import Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option
from nbcnn.cli._output import say


@click.command("expand", short_help="The network file written out, with shapes.")
@click.argument("model")
@config_options
@plugin_option
def command(model: str, **options: Any) -> None:
    """Print MODEL (a name, a YAML file or a run folder) as a network file without blocks.

    Every layer and every default is written out; a comment at a line's end is the output shape for one image. What is
    printed trains to the same bits as MODEL does.
    """
    from nbcnn.config import load_config
    from nbcnn.introspect.expand import expand

    say(expand(load_config(model, overrides(**options))).rstrip("\n"))
