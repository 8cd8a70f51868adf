"""``nbcnn summary``: shapes, parameters, cost and receptive field of each layer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nbcnn.cli._options import config_options, overrides, plugin_option
from nbcnn.cli._output import say
from nbcnn.util.formatting import times

if TYPE_CHECKING:
    from nbcnn.config import Config


@click.command("summary", short_help="Shapes, parameters, cost, receptive field.")
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--receptive-field", "fields", is_flag=True, help="Size, jump and offset of each field, with the formula."
)
@config_options
@plugin_option
def command(model: str, as_json: bool, fields: bool, **options: Any) -> None:
    """Show MODEL (a name, a YAML file or a run folder) layer by layer.

    MACs and memory are for one image, forward. Window: kernel size, /stride, +padding. The receptive field is the
    part of the image, in rows × columns, that one output number depends on; where branches are joined, the largest.
    """
    from nbcnn.config import load_config
    from nbcnn.engine.network import layers_of
    from nbcnn.introspect.summary import summarize

    config = load_config(model, overrides(**options))
    if fields:
        _show_fields(config, as_json)
        return
    rows = summarize(layers_of(config))
    totals = {
        "parameters": sum(row.parameters for row in rows),
        "macs": sum(row.macs for row in rows),
        "activation_bytes": sum(row.activation_bytes for row in rows),
    }
    if as_json:
        say(json.dumps({"name": config.name, "layers": [asdict(row) for row in rows], **totals}))
        return

    from nbcnn.cli._tables import plain_table, show

    say(f"{config.name}: input {times(config.input.shape)}")
    if config.train.augment:
        say(f"training images augmented: {config.train.augment}")
    table = plain_table(("#", "layer", "output", "window"), ("parameters", "MACs", "memory", "field"))
    table.add_column("backend")
    for row in rows:
        field = "all" if row.field is None else times(row.field.size)
        cost = (f"{row.parameters:,}", f"{row.macs:,}" if row.macs else "", _size(row.activation_bytes))
        table.add_row(row.path, row.layer, times(row.out_shape), row.window, *cost, field, row.backend or "")
    total = (f"{totals['parameters']:,}", f"{totals['macs']:,}", _size(totals["activation_bytes"]))
    table.add_row("", "total", "", "", *total, "", "")
    show(table)
    say("MACs and memory: one image, forward. field: the receptive field, rows × columns.")


def _show_fields(config: Config, as_json: bool) -> None:
    from nbcnn.engine.network import layers_of
    from nbcnn.introspect.field_table import fields_in

    rows = fields_in(layers_of(config))
    if as_json:
        say(json.dumps({"name": config.name, "layers": [row.as_json() for row in rows]}))
        return
    from nbcnn.cli._tables import plain_table, show

    def pair(numbers: tuple[float, float] | None) -> str:
        if numbers is None:
            return ""
        return f"{numbers[0]:g}" if numbers[0] == numbers[1] else f"{numbers[0]:g}, {numbers[1]:g}"

    say(f"{config.name}: input {times(config.input.shape)}")
    table = plain_table(("#", "layer", "window"), ("size", "jump", "offset"))
    table.add_column("size' = size + (kernel - 1)·dilation·jump; jump' = jump·stride")
    for row in rows:
        size = "all" if row.size is None else pair(row.size)
        table.add_row(row.path, row.layer, row.window, size, pair(row.jump), pair(row.offset), row.formula)
    show(table)
    say("size: rows and columns of the image that one output depends on. jump: pixels from one output's field to the")
    say("    next one's. offset: row and column where the first output's field begins, below 0 in the padding.")


def _size(count: int) -> str:
    return f"{count / 1024:.1f} kB" if count else ""
