"""``nbcnn compare``: one network trained from one seed on several backends, and where the bits first differ."""

from __future__ import annotations

import json
from typing import Any

import click

from nbcnn.cli._options import data_options, overrides, plugin_option, set_option, threads_option, train_options
from nbcnn.cli._output import say


@click.command("compare", short_help="Same seed, other kernels: where trainings part.")
@click.argument("model")
@click.option(
    "--backend",
    "variants",
    multiple=True,
    metavar="OP=NAME[,OP=NAME...]",
    help="One variant; give at least two. The first is the reference.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Stop each training after so many steps.")
@click.option("--out", metavar="FOLDER", help="The folder to make. [default: compare/NAME-1, -2, ...]")
@click.option("--json", "as_json", is_flag=True, help="Print compare.json; progress goes to standard error.")
@set_option
@plugin_option
@data_options
@train_options
@threads_option
def command(
    model: str, variants: tuple[str, ...], steps: int | None, out: str | None, as_json: bool, **options: Any
) -> None:
    """Train MODEL once for each --backend, in lockstep: same parameters, same images, other kernels.

    Shows the first step after which weights differ, by how much, and what becomes of it: loss, accuracy, speed.
    The folder holds a run folder for each variant, compare.png and compare.json.
    """
    from nbcnn.cli._compare_progress import CompareProgress
    from nbcnn.training.comparison import compare

    with CompareProgress(stderr=as_json) as progress:
        try:
            result = compare(model, variants, overrides(**options), steps=steps, out=out, reporter=progress)
        except KeyboardInterrupt:
            progress.stopped()
            raise
    if as_json:
        say(json.dumps(result.to_mapping(), allow_nan=False))
    else:
        progress.summary(result)
