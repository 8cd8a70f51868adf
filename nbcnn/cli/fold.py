"""``nbcnn fold``: a trained network with its batch norms in the weights of the layers before them."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say


@click.command("fold", short_help="Batch norms folded into convolutions, for inference.")
@click.argument("run", metavar="RUN")
@click.option("--out", metavar="FOLDER", help="The run folder to make. [default: runs/NAME-folded-1, -2, ...]")
@click.option("--last", "which", flag_value="last", help="The latest checkpoint instead of the best one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@plugin_option
def command(run: str, out: str | None, which: str | None, as_json: bool) -> None:
    """Make a run folder from RUN in which each batch norm is part of the conv2d or linear layer before it.

    It is for eval, predict and other programs, not for training. The scores of both networks are compared; nothing is
    written where one differs by more than 1e-4 of the largest score.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import printable
    from nbcnn.training.folding import fold

    with compiling_is_told():
        result = fold(run, out=out, which="last" if which else "best")
    if as_json:
        say(json.dumps(asdict(result) | {"folder": str(result.folder)}))
        return
    for layer, norm in result.folded:
        say(f"batch norm {norm} is in the weights of {layer}")
    for norm in result.kept:
        say(f"batch norm {norm} stays: it follows no conv2d or linear")
    what = "test images" if result.test_images else "images of random numbers, for there are no test images"
    say(f"scores differ by {result.difference:.1e} of the largest one at most, on {result.images} {what}")
    say(f"written to {printable(str(result.folder))}")
