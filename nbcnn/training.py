"""Training: epochs of batches, an evaluation after each, checkpoints, metrics and pictures in a run folder."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.auto import told
from nbcnn.choices import Choice
from nbcnn.config import Config, Overrides, load_config
from nbcnn.data import Dataset, batches, epoch_order, load_dataset
from nbcnn.engine import Engine
from nbcnn.errors import TrainingError
from nbcnn.evaluation import check_data, evaluate_engine
from nbcnn.kernels.jit import LEDGER, announced
from nbcnn.loading import with_options
from nbcnn.network import Network
from nbcnn.optim import OPTIMIZERS, Optimizer
from nbcnn.report.run import draw_run
from nbcnn.runs import Run


class Reporter:
    """Who is told how training goes. This one says nothing; the command line's draws it."""

    def choosing(self, problem: str) -> None:
        """Backends for a problem, in words, are about to be timed, because of ``backend: auto``."""

    def chosen(self, choice: Choice) -> None:
        """``auto`` has chosen, now or from memory."""

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """Training begins."""

    def compiling(self, kernel: str) -> None:
        """A kernel is about to be compiled."""

    def compiled(self, kernels: int, seconds: float) -> None:
        """All are, and some had to be."""

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """An epoch begins."""

    def step(self, images: int, loss: float, accuracy: float) -> None:
        """A batch is done; ``loss`` and ``accuracy`` are its own."""

    def epoch_done(self, record: Mapping[str, Any]) -> None:
        """An epoch is done; the record is that of the metrics files."""


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
    be written) and TrainingError (the loss is no longer a number; the checkpoints of the epochs before stay).
    """
    wanted = with_options(overrides, options)
    if isinstance(source, Config):
        config = source if wanted == Overrides() else load_config(source.to_mapping(), wanted)
    else:
        config = load_config(source, wanted)
    reporter = reporter or Reporter()
    network = Network(config)
    data = load_dataset(config.data)
    check_data(network, data)
    network.classes = data.classes
    if network.out_shape[0] > len(data.classes):
        last = list(network.layers())[-1]
        warnings.warn(
            f"{last.where} gives {network.out_shape[0]} scores, and {data.name} has {len(data.classes)} classes; "
            f"out_features: {len(data.classes)} would do",
            RuntimeWarning,
            stacklevel=2,
        )
    before = len(LEDGER)
    with announced(reporter.compiling), told(reporter):
        engine = Engine(network, training=True, threads=config.train.threads)
    try:
        run = Run.create(Path(out) if out is not None else None, config.name)
        run.write_config(network.config.to_yaml())  # with the names that auto stood for
        run.write_info(_info(network, data, engine))
        reporter.start(run, network, data, engine.crew.size)
        optimizer = OPTIMIZERS.get(config.train.optimizer.name)(config.train.optimizer.config, network.parameters.size)
        _warm(engine, optimizer, data, reporter, before)
        _epochs(engine, optimizer, data, run, reporter)
        draw_run(run, engine, data)
    finally:
        engine.close()
    return run


def _epochs(engine: Engine, optimizer: Optimizer, data: Dataset, run: Run, reporter: Reporter) -> None:
    """All epochs; the best checkpoint is that of the highest test accuracy, of equals that of the lowest test loss."""
    network, settings = engine.network, engine.network.config.train
    images, labels = data.train.images, data.train.labels
    best, step = (-1.0, 0.0), 0
    for epoch in range(1, settings.epochs + 1):
        reporter.epoch(epoch, settings.epochs, len(images))
        started, loss_sum, right = time.perf_counter(), 0.0, 0
        for order in batches(epoch_order(len(images), settings.seed, epoch, settings.shuffle), settings.batch_size):
            outcome = engine.train_step(images, labels, order)
            loss = float(np.sum(outcome.losses, dtype=np.float64)) / order.size
            step += 1
            if not np.isfinite(loss):
                raise TrainingError(_diverged(f"the loss became {loss}", epoch, step, run, settings.optimizer.name))
            optimizer.step(network.parameters, engine.gradient)
            hits = int(np.count_nonzero(outcome.guesses == labels[order]))
            loss_sum, right = loss_sum + loss * order.size, right + hits
            reporter.step(order.size, loss, hits / order.size)
        seconds = time.perf_counter() - started
        tested = evaluate_engine(engine, data)
        record = {
            "epoch": epoch,
            "step": step,
            "train_loss": loss_sum / len(images),
            "train_accuracy": right / len(images),
            "test_loss": tested.loss,
            "test_accuracy": tested.accuracy,
            "seconds": seconds,
            "images_per_second": len(images) / seconds,
        }
        if not np.isfinite(tested.loss) or not np.isfinite(network.parameters).all():
            what = f"the test loss became {tested.loss} or a parameter stopped being a number"
            raise TrainingError(_diverged(what, epoch, step, run, settings.optimizer.name))
        score = (tested.accuracy, -tested.loss)
        _save(run, network, optimizer, record, score > best)
        best = max(best, score)
        reporter.epoch_done(record)


def _save(run: Run, network: Network, optimizer: Optimizer, record: Mapping[str, Any], best: bool) -> None:
    metadata = {"model": network.config.name, "epoch": str(record["epoch"]), "step": str(record["step"])}
    run.save("last", network.tensors, metadata)
    if best:
        run.save("best", network.tensors, metadata)
    position = {"epoch": record["epoch"], "step": record["step"]}
    # The metrics come first: a resumed run can drop an epoch that was logged and not saved, and can't make one up.
    run.log_epoch(dict(record))
    run.save_optimizer_state(optimizer.state, position, network.tensors)


def _warm(engine: Engine, optimizer: Optimizer, data: Dataset, reporter: Reporter, before: int) -> None:
    """Compile or load every kernel in this thread before the clock of training starts.

    ``before`` is where the ledger stood when the first could be compiled.
    """
    with announced(reporter.compiling):
        engine.warm(data.train.images, data.train.labels)
        nothing = np.zeros(0, engine.network.dtype)
        type(optimizer)(engine.network.config.train.optimizer.config, 0).step(nothing, nothing)
    fresh = [entry for entry in LEDGER[before:] if entry.how == "compiled"]
    if fresh:
        reporter.compiled(len(fresh), sum(entry.seconds for entry in fresh))


def _diverged(what: str, epoch: int, step: int, run: Run, optimizer: str) -> str:
    kept = f"the checkpoints of epoch {epoch - 1} are in {run.folder}" if epoch > 1 else "there is no checkpoint yet"
    return (
        f"{what} at step {step} (epoch {epoch}), so training stopped; {kept}. "
        f"Try a smaller step, for instance --set train.optimizer.{optimizer}.lr=..., or another init"
    )


def _info(network: Network, data: Dataset, engine: Engine) -> dict[str, Any]:
    """What run.json says: what the run was made of, and with what."""
    from nbcnn import __version__
    from nbcnn.picture import has_dark_background

    return {
        "nbcnn": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "machine": f"{platform.system()} {platform.machine()}",
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "threads": engine.crew.size,
        "data": {
            "name": data.name,
            "source": data.source,
            "train": len(data.train.images),
            "test": len(data.test.images),
        },
        "classes": list(data.classes),
        "dark_background": has_dark_background(data.train.images),
        "backends": {layer.path: layer.backend for layer in network.layers() if layer.op},
        "auto": [choice.record() for choice in engine.choices],
    }
