"""``nbcnn predict``: the classes of pictures, by a trained network."""

from __future__ import annotations

import json
from typing import Literal

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._output import say
from nbcnn.cli._tables import wrapped


@click.command("predict", short_help="What a trained network sees in pictures.")
@click.argument("run", metavar="RUN")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@click.option("--last", "which", flag_value="last", help="The latest checkpoint instead of the best one.")
@click.option("--weights", metavar="FILE", help="A safetensors file to take the weights from instead.")
@click.option(
    "--invert/--no-invert", default=None, help="Swap light and dark, or never. [default: as the training images]"
)
@click.option(
    "--tta", type=click.Choice(["flip"]), help="Test-time augmentation: average the scores of image and mirror image."
)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many guesses to print.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def command(
    run: str,
    pictures: tuple[str, ...],
    which: str | None,
    weights: str | None,
    invert: bool | None,
    tta: Literal["flip"] | None,
    top: int,
    as_json: bool,
) -> None:
    """Guess the class of each PICTURE (PNG, JPEG, ...; any size, grey or colour) with the best checkpoint of RUN.

    RUN is a run folder, or with --weights any model. A picture is made like the training images first, and what was
    done to it is printed.
    """
    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import DataError, printable
    from nbcnn.training.prediction import LISTED, network_of, predictions

    network = network_of(run, weights, "last" if which else "best")
    found, failed = [], 0
    with compiling_is_told():
        for one in predictions(network, pictures, invert, tta):
            if isinstance(one, DataError):
                failed += 1
                if failed <= LISTED:
                    say(f"error: {one}", err=True)
                continue
            guesses = list(zip(one.classes[:top], map(float, one.probabilities), strict=False))
            if as_json:
                shown = [{"class": name, "probability": share} for name, share in guesses]
                found.append({"picture": one.picture, "guesses": shown, "steps": one.steps})
                continue
            say(f"{printable(one.picture)}: {', '.join(f'{name} {share:.1%}' for name, share in guesses)}")
            say(wrapped(f"  {'; '.join(one.steps)}"))
    if as_json:
        say(json.dumps(found))
    if failed > LISTED:
        say(f"error: {failed - LISTED:,} more, in all {failed:,} of {len(pictures):,} pictures can't be read", err=True)
    if failed:
        raise SystemExit(2)
