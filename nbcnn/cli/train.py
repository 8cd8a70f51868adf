"""``nbcnn train``: training of a network into a run folder."""

from __future__ import annotations

import signal
from typing import Any

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option, threads_option, train_options


@click.command("train", short_help="Train a network, keep everything in a run folder; or go on with a run.")
@click.argument("model", required=False)
@click.option("--out", metavar="FOLDER", help="The run folder to make. [default: runs/NAME-1, -2, ...]")
@click.option("--resume", metavar="RUN", help="Go on with the training in this run folder, where it was saved last.")
@click.option("--allow-changes", is_flag=True, help="With --resume: go on although config or data have changed.")
@config_options
@plugin_option
@data_options
@train_options
@threads_option
@click.option(
    "--executor",
    type=click.Choice(["threads", "serial"]),
    help="serial: one call after the other in Python; same bits.",
)
def command(
    model: str | None, out: str | None, resume: str | None, allow_changes: bool, executor: str | None, **options: Any
) -> None:
    """Train MODEL: the name of one that comes with nbcnn (lenet), a YAML file, or a run folder's config.

    Prints loss and accuracy for each epoch; the run folder holds config, metrics, checkpoints and pictures. Ctrl-C
    saves and says how to go on; a second one leaves at once.
    """
    if resume is None and model is None:
        raise click.UsageError("Missing argument 'MODEL': what to train, for instance lenet; or --resume RUN.")
    if resume is None and allow_changes:
        raise click.UsageError("--allow-changes goes with --resume RUN.")
    if resume is not None and out is not None:
        raise click.UsageError("--resume goes on in the run's own folder, so --out has no place beside it.")
    from nbcnn.cli._progress import Progress
    from nbcnn.errors import NbcnnError
    from nbcnn.training import resume as resuming
    from nbcnn.training import train as training
    from nbcnn.training.signals import StoppedError

    if executor is not None:
        options["sets"] = (*(options.get("sets") or ()), f"train.executor={executor}")
    changed = overrides(**options)
    with Progress() as progress:
        try:
            if resume is None:
                run = training.train(str(model), changed, out=out, reporter=progress)
            else:
                run = resuming.resume(resume, changed, source=model, allow_changes=allow_changes, reporter=progress)
        except KeyboardInterrupt as stop:
            if isinstance(stop, StoppedError):
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would only cut this short
            progress.stopped()
            raise SystemExit(128 + getattr(stop, "signal", 2)) from None
        except NbcnnError as error:
            progress.failed(error)
            raise
    progress.summary(run)
