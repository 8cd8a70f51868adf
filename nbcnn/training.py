"""Training: epochs of batches, an evaluation after each, checkpoints, metrics and pictures in a run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbcnn.auto import Listener, told
from nbcnn.config import Config, Overrides
from nbcnn.data import Dataset, batches, epoch_order, load_dataset
from nbcnn.kernels.ledger import LEDGER, announced
from nbcnn.loading import config_of, with_options
from nbcnn.network import Network
from nbcnn.plugins import blamed
from nbcnn.report.run import draw_run
from nbcnn.runs import Run
from nbcnn.trainer import Trainer, fit, ready


class Reporter(Listener):
    """Who is told how training goes. This one says nothing; the command line's draws it."""

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """Training begins."""

    def compiling(self, kernel: str, left: int) -> None:
        """A kernel is about to be compiled, one of ``left`` that are known to have to be; 0: the last one is done."""

    def compiled(self, kernels: int, seconds: float) -> None:
        """All are, and some had to be."""

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """An epoch begins."""

    def step(self, images: int, loss: float, accuracy: float) -> None:
        """A batch is done; ``loss`` and ``accuracy`` are its own."""

    def epoch_done(self, record: Mapping[str, Any]) -> None:
        """An epoch is done; the record is that of the metrics files."""


@blamed()
def train(
    source: str | Path | Mapping[str, Any] | Config,
    overrides: Overrides | None = None,
    *,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Run:
    """Train what ``source`` describes (a model's name, a YAML path, a mapping, a Config) and return its run folder.

    ``overrides``, or the names of its fields (``epochs=3``), change the config. The folder is ``out``, or the next free
    ``runs/NAME-K``. Raises ConfigError, ShapeError, KernelError, DataError, CheckpointError (the folder exists or can't
    be written), TrainingError (the loss is no longer a number) and PluginError (a plugin's own code failed); of the two
    last the checkpoints of the epochs before stay.
    """
    config = config_of(source, with_options(overrides, options))
    reporter = reporter or Reporter()
    network = Network(config)
    data = load_dataset(config.data)
    fit(network, data)
    before = len(LEDGER)
    with announced(reporter.compiling), told(reporter):
        trainer = Trainer(network, data)
    try:
        run = Run.create(Path(out) if out is not None else None, config.name)
        trainer.keep_in(run)
        reporter.start(run, network, data, trainer.engine.crew.size)
        ready([trainer], reporter.compiling, reporter.compiled, before)
        _epochs(trainer, reporter)
        draw_run(run, trainer.engine, data)
    finally:
        trainer.close()
    return run


def _epochs(trainer: Trainer, reporter: Reporter) -> None:
    settings, count = trainer.settings, len(trainer.data.train.images)
    for epoch in range(1, settings.epochs + 1):
        reporter.epoch(epoch, settings.epochs, count)
        started = time.perf_counter()
        trainer.begin(epoch)
        for order in batches(epoch_order(count, settings.seed, epoch, settings.shuffle), settings.batch_size):
            reporter.step(*trainer.step(order))
        reporter.epoch_done(trainer.end(time.perf_counter() - started))
