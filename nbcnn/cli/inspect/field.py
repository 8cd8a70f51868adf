"""``nbcnn inspect field``: the theoretical receptive field beside the measured one."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._output import say
from nbcnn.cli.inspect._run import image_option, load_run, picture_path, run_options, say_images, say_written


@click.command("field", short_help="The receptive field, in theory and measured.")
@run_options("field")
@image_option
@click.option(
    "--layer", "path", metavar="PATH", help="The layer, as summary numbers it. [default: the last with places]"
)
@click.option("--at", metavar="ROW,COLUMN", help="The unit's place in the layer's output. [default: the middle]")
def command(
    run: str,
    which: str | None,
    weights: str | None,
    out: str | None,
    as_json: bool,
    chosen: tuple[str, ...],
    path: str | None,
    at: str | None,
    **options: Any,
) -> None:
    """Draw which pixels the units of a layer of RUN depend on: the square in theory, and their mean gradient.

    The gradient is measured with the initial parameters of RUN's config and with the trained ones. Without --image: 32
    test images of all classes.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.introspect.measured_field import SHARE, effective, measured_field, reached
    from nbcnn.report.receptive_field import draw_receptive_field
    from nbcnn.training.example_images import example_images
    from nbcnn.training.model import Model

    picture = picture_path(run, out, "field")
    place = None if at is None else _place(at)
    network = load_run(run, which, weights, **options)
    images = example_images(network, chosen, 32)
    with compiling_is_told():
        found = measured_field(network, images.images, path, place=place, initial=Model(network.config))
    maps = (
        {"trained": found.gradient}
        if found.before is None
        else {"before training": found.before, "trained": found.gradient}
    )
    unit = f"unit at {found.place[0]},{found.place[1]}" if len(found.layer.shape) == 3 else "its units"
    where = f"{network.config.name}, layer {found.layer.name}, {unit}"
    draw_receptive_field(maps, found.rows, found.columns, picture, where)
    if as_json:
        say(json.dumps({"run": run, "images": images.names, "files": [str(picture)], **found.as_json()}))
        return
    say_images(images)
    (top, bottom), (left, right) = found.rows, found.columns
    say(f"{where}: {len(images.names)} images, {len(found.channels)} of {found.layer.shape[0]} channels")
    size = f"{bottom - top + 1}×{right - left + 1} pixels"
    say(f"  in theory       rows {top} to {bottom}, columns {left} to {right}: {size}")
    for name, gradient in maps.items():
        (first, last), (start, end) = reached(gradient)
        rows, columns = effective(gradient)
        share = f"{SHARE:.0%} of it in {rows} rows and {columns} columns"
        some = f"rows {first} to {last}, columns {start} to {end}; {share}" if last >= first else "no gradient at all"
        say(f"  {name:<15} {some}")
    say_written([picture])


def _place(at: str) -> tuple[int, int]:
    from nbcnn.errors import ConfigError

    parts = at.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--at {at}: expected a row and a column of the layer's output, from 0, such as --at 2,3")
    return int(parts[0]), int(parts[1])
