"""The training of one network: steps, sums of an epoch, records, checkpoints; shared by train and compare."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.compiler.compile_log import announced, since, total
from nbcnn.data import Dataset, Split, batches, epoch_moves, epoch_order
from nbcnn.data.background import has_dark_background
from nbcnn.data.picture import Reading
from nbcnn.engine.executor import make_executor
from nbcnn.engine.network import Network
from nbcnn.engine.weights_metadata import WeightsMetadata
from nbcnn.errors import TrainingError
from nbcnn.optim import OPTIMIZERS
from nbcnn.runs.run_folder import Record, Run
from nbcnn.training.diagnose.finite_check import wrong_after, wrong_before
from nbcnn.training.diagnose.nan_report import Finding
from nbcnn.training.diagnose.nan_trace import examine, examine_update
from nbcnn.training.evaluation import Evaluation, check_data, evaluate_with
from nbcnn.training.loading import read_info
from nbcnn.training.provenance import description, resumed
from nbcnn.training.state import Position, State, save_state
from nbcnn.training.warmup import warm
from nbcnn.util.memory import no_memory_error


class Step(NamedTuple):
    """A batch's count of images, mean loss and share of right guesses."""

    images: int
    loss: float
    accuracy: float


class Trainer:
    """One network with its executor, its optimizer and, after ``keep_in``, its run folder.

    Make a ``step`` with each of an epoch's ``batches``, ``end`` it; ``position`` is where that has got to. Raises
    TrainingError where a number stops being one, and where a step or an end was interrupted before: weights, optimizer
    and position need not be those of one step then.
    """

    run: Run

    def __init__(self, network: Network, data: Dataset) -> None:
        self.network, self.data = network, data
        self.settings = network.config.train
        self.choices = resolve_auto(network, training=True, threads=self.settings.threads)
        self.executor = make_executor(network, self.settings)
        optimizer = self.settings.optimizer
        with no_memory_error(f"the state of {optimizer.name}", "use a smaller network, or sgd without momentum"):
            self.optimizer = OPTIMIZERS.get(optimizer.name)(optimizer.config, network.parameters.size)
        self.position = Position()
        self._saved = Position()
        self.tested: Evaluation | None = None
        self._drawn: tuple[int, np.ndarray | None] = (0, None)
        self._unfinished = False
        self._facts = WeightsMetadata.of(network).to_metadata()

    @property
    def steps(self) -> int:
        """Steps so far."""
        return self.position.step

    @property
    def epoch(self) -> int:
        """The epoch that is, or will be, in progress, counted from 1."""
        return self.position.epochs + 1

    def keep_in(self, run: Run) -> None:
        """Take a new run folder and write what is known before the first step.

        The config comes last: a folder that has one can be resumed.
        """
        self.run = run
        run.write_info(description(self.network, self.data, self.executor, self.choices))
        self.save()
        run.write_config(self.network.config.to_yaml_in(run.folder))

    def go_on(self, run: Run, state: State) -> None:
        """Go on in a run folder from a saved state; metrics of epochs after it are dropped.

        Raises CheckpointError where the state is that of another network or optimizer, or the folder can't be written.
        """
        self.run = run
        self.network.load_state_dict(state.restore(self.network.tensor_shapes, self.optimizer.state), state.file)
        self.position = state.position
        run.rewind(self.position.epochs)
        position = asdict(self.position)
        run.write_info(resumed(read_info(run), position, self.executor.threads, self.network, self.data))
        self.save()
        run.write_config(self.network.config.to_yaml_in(run.folder))

    def batches(self) -> Iterator[np.ndarray]:
        """The batches of the epoch in progress that are yet to come, each the numbers (N,) of its training images."""
        order = epoch_order(len(self.data.train), self.settings.seed, self.epoch, self.settings.shuffle)
        return batches(order[self.position.seen :], self.settings.batch_size)

    def step(self, order: np.ndarray) -> Step:
        """One batch: gradient of the training images that ``order`` (N,) picks, and a step of the optimizer."""
        self._begin()
        labels, position = self.data.train.labels, self.position
        outcome = self.executor.train_step(self.data.train.images, labels, order, self._moves())
        loss = float(np.sum(outcome.losses, dtype=np.float64)) / order.size
        position.step += 1
        if what := wrong_before(loss, self.executor.gradient):
            raise TrainingError(self._diverged(what, examine(self.executor)))
        self.optimizer.step(self.network.parameters, self.executor.gradient)
        update = self.network.parameters, self.executor.gradient, self.optimizer.state
        if what := wrong_after(*update, self.steps):
            found = examine_update(self.network, self.settings.optimizer.name, *update[1:])
            raise TrainingError(self._diverged(what, found))
        hits = int(np.count_nonzero(outcome.guesses == labels[order]))
        position.loss_sum += loss * order.size
        position.right += hits
        position.seen += order.size
        self._unfinished = False
        return Step(order.size, loss, hits / order.size)

    def end(self, seconds: float) -> Record:
        """Evaluate, save, and log the epoch's record; ``seconds`` is what its steps took.

        The best checkpoint is that of the highest accuracy on the validation images, or on the test images where there
        are none; of equals that of the lowest loss there. Where not all training images have been seen, the position
        stays within the epoch.
        """
        self._begin()
        position, validation = self.position, self.data.validation
        position.seconds = seconds
        self.tested = tested = self._evaluated("test", None)
        judged = self._evaluated("validation", validation) if validation else tested
        record = {
            "epoch": self.epoch,
            "step": position.step,
            "train_loss": position.loss_sum / position.seen,
            "train_accuracy": position.right / position.seen,
            "test_loss": tested.loss,
            "test_accuracy": tested.accuracy,
            "seconds": seconds,
            "images_per_second": position.seen / seconds,
            "val_loss": judged.loss if validation else None,
            "val_accuracy": judged.accuracy if validation else None,
        }
        best = (judged.accuracy, -judged.loss) > (position.best_accuracy, -position.best_loss)
        metadata = {"model": self.network.config.name, "epoch": str(record["epoch"]), "step": str(record["step"])}
        metadata |= self._facts
        self.run.save("last", self.network.tensors, metadata)
        if best:
            self.run.save("best", self.network.tensors, metadata)
            position.best_accuracy, position.best_loss = judged.accuracy, judged.loss
        # The metrics come first: a resumed run can drop an epoch that was logged and not saved, and can't make one up.
        self.run.log_epoch(record)
        if position.seen == len(self.data.train):
            position.next_epoch()
        self._unfinished = False
        self.save()
        return record

    def _evaluated(self, part: str, split: Split | None) -> Evaluation:
        found = evaluate_with(self.executor, self.data, split)
        if not np.isfinite(found.loss):
            raise TrainingError(self._diverged(f"the {part} loss became {found.loss}", examine(self.executor)))
        return found

    def save(self) -> None:
        """Write what going on from here needs; any step may be the last before it."""
        self._refuse_halves()
        self.run.check()
        if self.position.step and not self.run.config.exists():
            raise self.run.gone()
        config = self.network.config.to_mapping()
        save_state(self.run, self.network.tensors, self.optimizer.state, self.position, config, self.data.digest)
        self._saved = replace(self.position)

    def close(self) -> None:
        """End the threads, and let go of the run folder."""
        self.executor.close()
        if hasattr(self, "run"):
            self.run.release()

    def _begin(self) -> None:
        self._refuse_halves()
        self._unfinished = True

    def _refuse_halves(self) -> None:
        if self._unfinished:
            raise TrainingError(
                f"{self.network.config.name}: a step, or the end of an epoch, was interrupted half-way, so this "
                "training can't go on in memory; go on from what was saved last: nbcnn train --resume, nbcnn.resume"
            )

    def _moves(self) -> np.ndarray | None:
        """How each training image is moved in this epoch, drawn once for it; None without augmentation."""
        if self._drawn[0] != self.epoch:
            augment, count = self.settings.augment, len(self.data.train)
            padding, p = augment.random_crop.padding, augment.random_horizontal_flip.p
            self._drawn = self.epoch, epoch_moves(count, self.settings.seed, self.epoch, padding=padding, p=p)
        return self._drawn[1]

    def _diverged(self, what: str, found: Finding) -> str:
        """The sentences, a line each: what went wrong and what is kept, where it began, what may help."""
        saved, name = self._saved, self.settings.optimizer.name
        kept = "there is no checkpoint yet"
        if saved.epochs:
            kept = f"the checkpoints of epoch {saved.epochs} are in {self.run.folder}"
        if saved.seen:
            kept = f"what was saved after step {saved.step} is in {self.run.folder}"
        smaller = f"try a smaller step, for instance --set train.optimizer.{name}.lr=..., or another init"
        first = f"{what} at step {self.steps} (epoch {self.epoch}), so training stopped; {kept}"
        return "\n".join([first, *found.sentences, found.remedy or smaller])


def check_compatible(network: Network, data: Dataset) -> None:
    """Hold a network and its data against each other, and name its classes; raises DataError, warns of spare scores.

    The network gets what is known of the data: its classes, and how its pictures were read.
    """
    check_data(network, data)
    network.classes = () if data.numbered else data.classes
    dark = has_dark_background(data.train.images, data.test.images)
    network.reading = Reading(data.pictures, dark, data.white_level)
    if data.white_level is not None:  # found in the images, and kept: others must be read as these were
        settings = network.config.data.model_copy(update={"white_level": data.white_level})
        network.config = network.config.model_copy(update={"data": settings})
    if network.out_shape[0] > len(data.classes):
        last = list(network.layers())[-1]
        warnings.warn(
            f"{last.where} gives {network.out_shape[0]} scores, and {data.name} has {len(data.classes)} classes; "
            f"out_features: {len(data.classes)} would do",
            RuntimeWarning,
            stacklevel=3,
        )


def compile_kernels(
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
        augment = bool(trainers[0].settings.augment)
        warm([trainer.executor for trainer in trainers], idle, data.images, data.labels, augment)
    kernels, seconds = total(since(before), "compiled")
    if kernels:
        compiled(kernels, seconds)
