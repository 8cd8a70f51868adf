"""Say what a trained network sees in pictures."""

from __future__ import annotations

import click


@click.command("predict")
@click.argument("run", metavar="RUN")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@click.option(
    "--invert/--no-invert", default=None, help="Swap light and dark, or never. [default: where borders differ]"
)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many guesses to print.")
def command(run: str, pictures: tuple[str, ...], invert: bool | None, top: int) -> None:
    """Guess the class of each PICTURE (PNG, JPEG, ...; any size, grey or colour) with the best checkpoint of RUN.

    A picture is made like the training images first, and what was done to it is printed.
    """
    import numpy as np

    from nbcnn.errors import DataError
    from nbcnn.loading import load, read_info
    from nbcnn.picture import prepare
    from nbcnn.report.run import probabilities
    from nbcnn.runs import Run

    folder = Run.open(run)
    network = load(run)
    if len(network.out_shape) != 1:
        raise DataError(f"{run}: its network gives {network.out_shape} numbers an image, not one score for each class")
    channels, height, width = network.in_shape
    dark = read_info(folder).get("dark_background")
    for picture in pictures:
        prepared = prepare(picture, channels, height, width, dark, invert)
        shares = probabilities(network.scores(prepared.image[None]))[0]
        order = np.argsort(-shares, kind="stable")[:top]
        guesses = ", ".join(f"{network.class_name(int(k))} {shares[k]:.1%}" for k in order)
        click.echo(f"{picture}: {guesses}")
        click.echo(f"  {'; '.join(prepared.steps)}")
