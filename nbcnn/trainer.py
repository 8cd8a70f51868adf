"""A network in training: its steps, the sums of an epoch, records and checkpoints. What train and compare share."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from nbcnn.data import Dataset
from nbcnn.engine import Engine
from nbcnn.errors import TrainingError
from nbcnn.evaluation import Evaluation, check_data, evaluate_engine
from nbcnn.kernels.ledger import announced, since, total
from nbcnn.network import Network
from nbcnn.optim import OPTIMIZERS
from nbcnn.plugins import loaded_plugins
from nbcnn.runs import Record, Run
from nbcnn.warmup import warm


class Step(NamedTuple):
    """A batch's count of images, mean loss and share of right guesses."""

    images: int
    loss: float
    accuracy: float


class Trainer:
    """One network with its engine, its optimizer and, after ``keep_in``, its run folder.

    ``begin`` an epoch, make its ``step``s, ``end`` it. Raises TrainingError where a number stops being one.
    """

    run: Run

    def __init__(self, network: Network, data: Dataset) -> None:
        self.network, self.data = network, data
        self.settings = network.config.train
        self.engine = Engine(network, training=True, threads=self.settings.threads)
        optimizer = self.settings.optimizer
        self.optimizer = OPTIMIZERS.get(optimizer.name)(optimizer.config, network.parameters.size)
        self.steps = 0
        self.tested: Evaluation | None = None
        self._best = (-1.0, 0.0)

    def keep_in(self, run: Run) -> None:
        """Take a new run folder and write what is known before the first step."""
        self.run = run
        run.write_config(self.network.config.to_yaml())
        run.write_info(_info(self.network, self.data, self.engine))

    def begin(self, epoch: int) -> None:
        """An epoch begins, counted from 1."""
        self._epoch, self._loss_sum, self._right, self._seen = epoch, 0.0, 0, 0

    def step(self, order: np.ndarray) -> Step:
        """One batch: gradient of the training images that ``order`` (N,) picks, and a step of the optimizer."""
        labels = self.data.train.labels
        outcome = self.engine.train_step(self.data.train.images, labels, order)
        loss = float(np.sum(outcome.losses, dtype=np.float64)) / order.size
        self.steps += 1
        if not np.isfinite(loss):
            raise TrainingError(self._diverged(f"the loss became {loss}"))
        self.optimizer.step(self.network.parameters, self.engine.gradient)
        hits = int(np.count_nonzero(outcome.guesses == labels[order]))
        self._loss_sum, self._right, self._seen = (
            self._loss_sum + loss * order.size,
            self._right + hits,
            self._seen + order.size,
        )
        return Step(order.size, loss, hits / order.size)

    def end(self, seconds: float) -> Record:
        """Evaluate, save, and log the epoch's record; ``seconds`` is what its steps took.

        The best checkpoint is that of the highest test accuracy, of equals that of the lowest test loss.
        """
        self.tested = tested = evaluate_engine(self.engine, self.data)
        record = {
            "epoch": self._epoch,
            "step": self.steps,
            "train_loss": self._loss_sum / self._seen,
            "train_accuracy": self._right / self._seen,
            "test_loss": tested.loss,
            "test_accuracy": tested.accuracy,
            "seconds": seconds,
            "images_per_second": self._seen / seconds,
        }
        if not np.isfinite(tested.loss) or not np.isfinite(self.network.parameters).all():
            what = f"the test loss became {tested.loss} or a parameter stopped being a number"
            raise TrainingError(self._diverged(what))
        score = (tested.accuracy, -tested.loss)
        self._save(record, score > self._best)
        self._best = max(self._best, score)
        return record

    def close(self) -> None:
        """End the threads."""
        self.engine.close()

    def _save(self, record: Record, best: bool) -> None:
        run, tensors = self.run, self.network.tensors
        metadata = {"model": self.network.config.name, "epoch": str(record["epoch"]), "step": str(record["step"])}
        run.save("last", tensors, metadata)
        if best:
            run.save("best", tensors, metadata)
        position = {"epoch": record["epoch"], "step": record["step"]}
        # The metrics come first: a resumed run can drop an epoch that was logged and not saved, and can't make one up.
        run.log_epoch(record)
        run.save_optimizer_state(self.optimizer.state, position, tensors)

    def _diverged(self, what: str) -> str:
        before = self._epoch - 1
        kept = f"the checkpoints of epoch {before} are in {self.run.folder}" if before else "there is no checkpoint yet"
        return (
            f"{what} at step {self.steps} (epoch {self._epoch}), so training stopped; {kept}. "
            f"Try a smaller step, for instance --set train.optimizer.{self.settings.optimizer.name}.lr=..., "
            "or another init"
        )


def fit(network: Network, data: Dataset) -> None:
    """Hold a network and its data against each other, and name its classes; raises DataError, warns of spare scores."""
    check_data(network, data)
    network.classes = data.classes
    if network.out_shape[0] > len(data.classes):
        last = list(network.layers())[-1]
        warnings.warn(
            f"{last.where} gives {network.out_shape[0]} scores, and {data.name} has {len(data.classes)} classes; "
            f"out_features: {len(data.classes)} would do",
            RuntimeWarning,
            stacklevel=3,
        )


def ready(
    trainers: Sequence[Trainer],
    compiling: Callable[[str, int], None],
    compiled: Callable[[int, float], None],
    before: int,
) -> None:
    """Compile or load every kernel in this thread, before the clock of training starts.

    ``compiling`` is told each kernel that is about to be compiled and how many are left; ``compiled``, if there were
    any, how many and the seconds, of all since the ledger was ``before`` lines long.
    """
    data = trainers[0].data.train
    idle = [type(trainer.optimizer)(trainer.settings.optimizer.config, 0) for trainer in trainers]
    with announced(compiling):
        warm([trainer.engine for trainer in trainers], idle, data.images, data.labels)
    kernels, seconds = total(since(before), "compiled")
    if kernels:
        compiled(kernels, seconds)


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
        "plugins": [plugin.record() for plugin in loaded_plugins()],
        "auto": [choice.record() for choice in engine.choices],
    }
