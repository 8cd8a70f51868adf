"""``nbcnn inspect filters``: the kernels that a network has learned."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._output import say
from nbcnn.cli.inspect._run import load_run, picture_path, run_options, say_written

DRAWN = 8
"""Layers that are drawn where none is named."""


@click.command("filters", short_help="The kernels of the convolutions.")
@run_options("filters", data=False)
@click.option("--layer", "paths", multiple=True, metavar="PATH", help="A layer to draw, as summary numbers it.")
def command(
    run: str,
    which: str | None,
    weights: str | None,
    out: str | None,
    as_json: bool,
    paths: tuple[str, ...],
    **options: Any,
) -> None:
    """Draw the kernels of RUN's convolutions; of a network without any, those of a linear layer that reads the pixels.

    Of many layers the first few are drawn; --layer names others. --json has the numbers of all.
    """
    from nbcnn.introspect.filters import filters
    from nbcnn.report.filters import draw_filters

    picture = picture_path(run, out, "filters")
    network = load_run(run, which, weights, **options)
    found = filters(network, paths)
    drawn = found if paths else found[:DRAWN]
    draw_filters({one.name: one.weight for one in drawn}, picture, f"{network.config.name}: learned kernels")
    if as_json:
        told = [{"path": one.path, "layer": one.kind, "weight": one.weight.tolist()} for one in found]
        say(json.dumps({"run": run, "files": [str(picture)], "layers": told}))
        return
    from nbcnn.cli._tables import plain_table, show
    from nbcnn.util.formatting import times

    table = plain_table(("layer", "kernels"), ("mean", "std", "min", "max"))
    for one in found:
        weight = one.weight
        numbers = (weight.mean(), weight.std(), weight.min(), weight.max())
        table.add_row(one.name, times(weight.shape), *(f"{number:.4g}" for number in numbers))
    show(table)
    say("kernels: output channels × input channels that each reads × rows × columns.")
    if len(drawn) < len(found):
        say(f"drawn: the first {len(drawn)} of {len(found)} layers; --layer PATH draws others")
    say_written([picture])
