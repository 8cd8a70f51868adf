"""Train a network and keep everything in a run folder."""

from __future__ import annotations

from typing import Any

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option, threads_option, train_options


@click.command("train", short_help="Train a network, keep everything in a run folder.")
@click.argument("model")
@click.option("--out", metavar="FOLDER", help="The run folder to make. [default: runs/NAME-1, -2, ...]")
@config_options
@plugin_option
@data_options
@train_options
@threads_option
def command(model: str, out: str | None, **options: Any) -> None:
    """Train MODEL: the name of one that comes with nbcnn (lenet), a YAML file, or a run folder's config.

    Prints loss and accuracy for each epoch; the run folder holds config, metrics, checkpoints and pictures.
    """
    from nbcnn.cli._progress import Progress
    from nbcnn.training import train

    with Progress() as progress:
        try:
            run = train(model, overrides(**options), out=out, reporter=progress)
        except KeyboardInterrupt:
            progress.stopped()
            raise
    progress.summary(run)
