"""``nbcnn train``: training of a network into a run folder."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import click

from nbcnn.cli._options import config_options, data_options, overrides, plugin_option, threads_option, train_options

if TYPE_CHECKING:
    from nbcnn.config import Overrides


@click.command("train", short_help="Train a network, keep everything in a run folder; or go on with a run.")
@click.argument("model", required=False)
@click.option("--out", metavar="FOLDER", help="The run folder to make. [default: runs/NAME-1, -2, ...]")
@click.option("--resume", metavar="RUN", help="Go on with the training in this run folder, where it was saved last.")
@click.option("--seeds", type=int, metavar="N", help="Train N times, from seed, seed + 1, ...; mean ± deviation.")
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
    model: str | None,
    out: str | None,
    resume: str | None,
    seeds: int | None,
    allow_changes: bool,
    executor: str | None,
    **options: Any,
) -> None:
    """Train MODEL: the name of one that comes with nbcnn (lenet), a YAML file, or a run folder's config.

    Prints loss and accuracy for each epoch; the run folder holds config, metrics, checkpoints and pictures. Ctrl-C
    saves and says how to go on; a second one leaves at once. With --seeds the folder holds a run folder for each seed
    and a table of results, and --resume goes on with all of them.
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
    from nbcnn.training.seeds_table import is_seeds
    from nbcnn.training.signals import StoppedError

    if executor is not None:
        options["sets"] = (*(options.get("sets") or ()), f"train.executor={executor}")
    changed = overrides(**options)
    if seeds is not None or (resume is not None and is_seeds(resume)):
        _seeds(model, out, resume, seeds, allow_changes, changed)
        return
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


def _seeds(
    model: str | None, out: str | None, resume: str | None, seeds: int | None, allow_changes: bool, changed: Overrides
) -> None:
    """Train from several seeds, or go on with that."""
    from nbcnn.cli._seeds_progress import SeedsProgress
    from nbcnn.errors import NbcnnError
    from nbcnn.training.seeds import resume_seeds, train_seeds
    from nbcnn.training.seeds_table import is_seeds

    if resume is not None and not is_seeds(resume):
        raise click.UsageError(f"--seeds goes with MODEL, or with a folder that train --seeds made; {resume} is none.")
    if resume is not None and model is not None:
        raise click.UsageError(f"--resume {resume} goes on with the config in it, so MODEL has no place beside it.")
    if allow_changes:
        raise click.UsageError("--allow-changes has no place here: trainings that are averaged must have one config.")
    progress = SeedsProgress()
    try:
        if resume is None:
            runs = train_seeds(str(model), seeds or 0, changed, out=out, reporter=progress)
        else:
            runs = resume_seeds(resume, seeds, changed, reporter=progress)
    except KeyboardInterrupt as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would only cut this short
        progress.stopped()
        raise SystemExit(128 + getattr(stop, "signal", 2)) from None
    except NbcnnError as error:
        progress.failed(error)
        raise
    finally:
        progress.close()
    progress.summary(runs)
