"""The training loop: epochs of batches, an evaluation after each, checkpoints, metrics and pictures in a run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbcnn.autotune.auto import told
from nbcnn.compiler.compile_log import COMPILE_LOG, announced
from nbcnn.config import Config, DataConfig, Overrides
from nbcnn.data import Dataset, load_dataset
from nbcnn.data.user_arrays import own_dataset, write_folder
from nbcnn.data.validation_split import hold_out
from nbcnn.engine.network import Network
from nbcnn.plugins import blamed
from nbcnn.runs.run_folder import Run
from nbcnn.training.checkpoint_schedule import CheckpointSchedule
from nbcnn.training.data_check import check_compatible
from nbcnn.training.final_test import look_at_test, weights_kept
from nbcnn.training.loading import config_of, with_options
from nbcnn.training.pictures import draw_run
from nbcnn.training.reporter import Reporter
from nbcnn.training.signals import StopBetweenChoices, StopRequest
from nbcnn.training.trainer import Trainer, compile_kernels
from nbcnn.util.blas import first_use


def train_epochs(trainer: Trainer, reporter: Reporter, stopping: StopRequest) -> None:
    """Every batch of every epoch that is left: a step, perhaps a checkpoint; after the last batch an evaluation.

    Whatever ends it, the checkpoint that was saved last is whole.
    """
    settings, count = trainer.settings, len(trainer.data.train.images)
    schedule = CheckpointSchedule(settings.checkpoint_every)
    while trainer.epoch <= settings.epochs:
        reporter.epoch(trainer.epoch, settings.epochs, count)
        started = time.perf_counter() - trainer.position.seconds
        for order in trainer.batches():  # the numbers (N,) of a batch's images, shuffled anew in each epoch
            reporter.step(*trainer.step(order))  # executor.train_step, then optimizer.step
            if schedule.due(trainer.position.step) or stopping.wanted:
                trainer.position.seconds = time.perf_counter() - started
                trainer.save()
                reporter.saved(replace(trainer.position))
                stopping.check()
        reporter.epoch_done(trainer.end(time.perf_counter() - started))
        reporter.saved(replace(trainer.position))
        stopping.check()


def run_training(network: Network, data: Dataset, begin: Callable[[Trainer], Run], reporter: Reporter) -> Run:
    """A training from its first kernel to its pictures; ``begin`` gives the trainer its run folder and its position."""
    check_compatible(network, data)
    first_use()
    before = len(COMPILE_LOG)
    with StopRequest() as stopping, announced(stopping.check), told(StopBetweenChoices(stopping)):
        with announced(reporter.compiling), told(reporter):
            trainer = Trainer(network, data)
        try:
            run = begin(trainer)
            reporter.start(run, network, data, trainer.executor.threads)
            reporter.saved(replace(trainer.position))
            compile_kernels([trainer], reporter.compiling, reporter.compiled, before)
            stopping.check()
            train_epochs(trainer, reporter, stopping)
            reporter.drawing()
            with weights_kept(network):  # both give it those of the best checkpoint
                draw_run(run, trainer.executor, data, look_at_test(run, trainer.executor, data))
            stopping.check()
        finally:
            trainer.close()
    return run


@blamed()
def train(
    source: str | Path | Mapping[str, Any] | Config | Network,
    overrides: Overrides | None = None,
    *,
    data: Any = None,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Run:
    """Train what ``source`` describes (a model's name, a YAML path, a mapping, a Config) and return its run folder.

    A Network is trained from the parameters that it has, and holds those of the last step afterwards. ``data`` is the
    name of a data set, a folder, or arrays, ``(images, labels)`` or ``((images, labels), (test_images, test_labels))``:
    see ``own_dataset``. Arrays are written into the run folder, as ``data``, so that the run can be evaluated and
    resumed. ``overrides``, or the names of its fields (``epochs=3``), change the config. The folder is ``out``, or the
    next free ``runs/NAME-K``.

    Raises ConfigError, ShapeError, KernelError, DataError, CheckpointError (the folder exists or can't be written),
    TrainingError (the loss is no longer a number) and PluginError (a plugin's own code failed); of the two last what
    was saved before stays. Ctrl-C or SIGTERM raises StoppedError, a KeyboardInterrupt, once the step is done and saved:
    resume.py goes on from there.
    """
    arrays = None
    if isinstance(data, (str, os.PathLike)):
        options["data"] = os.fspath(data)
    elif data is not None:
        arrays = own_dataset(data)
    given = source if isinstance(source, Network) else None
    config = config_of(given.config if given else source, with_options(overrides, options))  # type: ignore[arg-type]

    def begin(trainer: Trainer) -> Run:
        run = Run.create(out, config.name)
        if arrays is not None:
            folder = run.folder.resolve() / "data"
            write_folder(folder, arrays)
            trainer.network.config = with_folder(trainer.network.config, folder)
        trainer.keep_in(run)
        return run

    images = hold_out(arrays or load_dataset(config.data), config.data.validation, config.train.seed)
    network = Network(config)
    if given is not None:
        network.load_state_dict(given.state_dict(), "the network that was given")
    try:
        return run_training(network, images, begin, reporter or Reporter())
    finally:
        if given is not None:
            given.load_state_dict(network.state_dict())
            given.classes, given.reading = network.classes, network.reading


def with_folder(config: Config, folder: Path) -> Config:
    """The config with the data of a folder; how pixels are scaled and how many images are held out stays."""
    kept = config.data.model_dump(include={"mean", "std", "validation"})
    data = DataConfig(folder=str(folder), **kept)
    return config.model_copy(update={"data": data})
