"""Say what a trained network sees in pictures."""

from __future__ import annotations

import json

import click

from nbcnn.cli._options import plugin_option
from nbcnn.cli._say import say
from nbcnn.cli._tables import wrapped


@click.command("predict", short_help="What a trained network sees in pictures.")
@click.argument("run", metavar="RUN")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@click.option(
    "--invert/--no-invert", default=None, help="Swap light and dark, or never. [default: where borders differ]"
)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many guesses to print.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def command(run: str, pictures: tuple[str, ...], invert: bool | None, top: int, as_json: bool) -> None:
    """Guess the class of each PICTURE (PNG, JPEG, ...; any size, grey or colour) with the best checkpoint of RUN.

    A picture is made like the training images first, and what was done to it is printed.
    """
    import numpy as np

    from nbcnn.cli._compiling import compiling_is_told
    from nbcnn.errors import DataError, printable
    from nbcnn.loading import load, read_info, trained
    from nbcnn.picture import prepare
    from nbcnn.report.run import probabilities

    folder = trained(run)
    network = load(folder.folder)
    if len(network.out_shape) != 1:
        raise DataError(f"{run}: its network gives {network.out_shape} numbers an image, not one score for each class")
    channels, height, width = network.in_shape
    dark = read_info(folder).get("dark_background")
    found, failed = [], False
    for picture in pictures:
        try:
            prepared = prepare(picture, channels, height, width, dark, invert)
        except DataError as error:
            say(f"error: {error}", err=True)
            failed = True
            continue
        with compiling_is_told():
            shares = probabilities(network.scores(prepared.image[None]))[0]
        order = [int(k) for k in np.argsort(-shares, kind="stable")[:top]]
        if as_json:
            guesses = [{"class": network.class_name(k), "probability": float(shares[k])} for k in order]
            found.append({"picture": picture, "guesses": guesses, "steps": prepared.steps})
        else:
            say(f"{printable(picture)}: {', '.join(f'{network.class_name(k)} {shares[k]:.1%}' for k in order)}")
            say(wrapped(f"  {'; '.join(prepared.steps)}"))
    if as_json:
        say(json.dumps(found))
    if failed:
        raise SystemExit(2)
