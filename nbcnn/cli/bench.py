"""Measure backends, layer by layer, along axes, and whole networks beside other libraries."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option


@click.command("bench", short_help="Backends timed side by side; networks beside other libraries.")
@click.argument("model", required=False)
@click.option("--op", "ops", multiple=True, metavar="OP", help="Race the layers of this op. [default: conv2d]")
@click.option("--threads", type=click.IntRange(min=1), help="Threads at work at once. [default: 1]")
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Turns for each contender.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
@plugin_option
def command(model: str | None, ops: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Race the backends over the layers of MODEL (lenet if none is given), in each direction."""
    from nbcnn.bench.environment import environment
    from nbcnn.bench.layers import race_layers
    from nbcnn.cli._bench import layers_table, progress
    from nbcnn.config import load_config

    threads, wanted = options["threads"] or 1, tuple(options["backends"])
    config = load_config(model or "lenet", overrides(sets=options["sets"]))
    place = environment()
    with progress() as tell:
        raced = race_layers(config, ops or ("conv2d",), wanted, threads, options["rounds"], tell)
    if as_json:
        found = {"name": config.name, "threads": threads, "rounds": options["rounds"], "environment": place}
        click.echo(json.dumps({**found, "layers": [each.as_json() for each in raced]}))
    else:
        layers_table(config.name, raced, threads, options["rounds"])
