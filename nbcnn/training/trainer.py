"""The training of one network: steps, sums of an epoch, records, checkpoints; shared by train and compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.data import Dataset, Split, batches, epoch_order
from nbcnn.engine.executor import make_executor
from nbcnn.engine.network import Network
from nbcnn.engine.weights_metadata import WeightsMetadata
from nbcnn.errors import TrainingError
from nbcnn.optim import make_optimizer
from nbcnn.optim.weight_average import WeightAverage
from nbcnn.runs.metrics_row import Record
from nbcnn.runs.run_folder import Run
from nbcnn.training.augmentation import draw_augmentations
from nbcnn.training.diagnose.finite_check import wrong_after, wrong_before
from nbcnn.training.diagnose.nan_report import Finding
from nbcnn.training.diagnose.nan_trace import examine, examine_update
from nbcnn.training.evaluation import Evaluation, evaluate_with
from nbcnn.training.final_test import test_is_for_the_end
from nbcnn.training.gradient_clipping import GradientClipping
from nbcnn.training.learning_rate import LearningRate
from nbcnn.training.loading import read_info
from nbcnn.training.provenance import description, resumed
from nbcnn.training.state import Position, State, save_state
from nbcnn.util.memory import no_memory_error


class Step(NamedTuple):
    """A batch's count of images, mean loss and share of right guesses."""

    images: int
    loss: float
    accuracy: float


class Trainer:
    """One network with its executor, its optimizer and, after ``begin_in``, its run folder.

    Make a ``step`` with each of an epoch's ``batches``, ``end`` it; ``position`` is where that has got to. Raises
    TrainingError where a number stops being one, and where a step or an end was interrupted before: weights, optimizer
    and position need not be those of one step then.
    """

    run: Run

    def __init__(self, network: Network, data: Dataset) -> None:
        self.network, self.data = network, data
        self.settings = network.config.train
        images, size = len(data.train), self.settings.batch_size
        network.check_batch(min(images, images % size or size))  # the smallest of an epoch
        self.choices = resolve_auto(network, training=True, threads=self.settings.threads)
        self.executor = make_executor(network, self.settings)
        optimizer, self.learning_rate = self.settings.optimizer, LearningRate(self.settings, len(data.train))
        with no_memory_error(f"the state of {optimizer.name}", "use a smaller network, or sgd without momentum"):
            config = self.learning_rate.prepared(optimizer.config)
            self.optimizer = make_optimizer(optimizer.name, config, network.shapes, self.settings.weight_decay_on)
        self.clipping, ema = GradientClipping(self.settings.clip_grad_norm), self.settings.ema
        self.average = WeightAverage(ema.decay, _averaged_arrays(network)) if ema else None
        self.position = Position()
        self._saved = Position()
        self.records: list[Record] = []
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

    def begin_in(self, run: Run) -> None:
        """Take a new run folder and write what is known before the first step.

        The config comes last: a folder that has one can be resumed.
        """
        self.run = run
        run.write_info(description(self.network, self.data, self.executor, self.choices))
        self.save()
        run.write_config(self.network.config.to_yaml_in(run.folder))

    def resume_in(self, run: Run, state: State) -> None:
        """Go on in a run folder from a saved state; metrics of epochs after it are dropped.

        Raises CheckpointError where the state is that of another network or optimizer, or the folder can't be written.
        """
        self.run = run
        self.network.load_state_dict(
            state.restore(self.network.tensor_shapes, self.optimizer.state, self._others), state.file
        )
        self.position = state.position
        position, info = asdict(self.position), read_info(run)
        # Before the test's result goes: that the test images were looked at must not be forgotten.
        run.write_info(resumed(info, position, self.executor.threads, self.network, self.data, run.test.exists()))
        run.rewind(self.position.epochs)
        self.records = run.metrics()
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
        outcome = self.executor.train_step(self.data.train.images, labels, order, self._augmentations(), position.step)
        targets = self.executor.targets
        total = targets.total(labels[order]) if targets else order.size
        loss = float(np.sum(outcome.losses, dtype=np.float64)) / total
        scheduled = self.learning_rate.arguments(position, self.records)
        position.step += 1
        if what := wrong_before(loss, self.executor.gradient):
            raise TrainingError(self._diverged(what, examine(self.executor)))
        self.clipping.clip(self.executor.gradient)
        self.optimizer.step(self.network.parameters, self.executor.gradient, **scheduled)
        update = self.network.parameters, self.executor.gradient, self.optimizer.state
        if what := wrong_after(*update, self.steps):
            found = examine_update(self.network, self.settings.optimizer.name, *update[1:])
            raise TrainingError(self._diverged(what, found))
        if self.average is not None:
            self.average.update()
        hits = int(np.count_nonzero(outcome.guesses == labels[order]))
        position.loss_sum += loss * order.size
        position.right += hits
        position.seen += order.size
        self._unfinished = False
        return Step(order.size, loss, hits / order.size)

    def end(self, seconds: float) -> Record:
        """Evaluate, save, and log the epoch's record; ``seconds`` is what its steps took.

        The best checkpoint is that of the highest accuracy on the validation images, or on the test images where there
        are none; of equals that of the lowest loss there. With ``data.validation`` the test images are for the end
        (final_test.py), and not looked at here. Where not all training images have been seen, the position
        stays within the epoch.
        """
        self._begin()
        position, validation = self.position, self.data.validation
        position.seconds = seconds
        tested = None if test_is_for_the_end(self.network, self.data) else self._evaluated("test", None)
        judged = self._evaluated("validation", validation) if validation else tested
        assert judged is not None
        self.tested = tested or judged
        record = {
            "epoch": self.epoch,
            "step": position.step,
            "train_loss": position.loss_sum / position.seen,
            "train_accuracy": position.right / position.seen,
            "test_loss": tested.loss if tested else None,
            "test_accuracy": tested.accuracy if tested else None,
            "seconds": seconds,
            "images_per_second": position.seen / seconds,
            "val_loss": judged.loss if validation else None,
            "val_accuracy": judged.accuracy if validation else None,
            "lr": self.learning_rate.last(position, self.records),
            "grad_norm": self.clipping.end_epoch(),
        }
        best = (judged.accuracy, -judged.loss) > (position.best_accuracy, -position.best_loss)
        metadata = {"model": self.network.config.name, "epoch": str(record["epoch"]), "step": str(record["step"])}
        metadata |= self._facts
        with self._averaged():
            self.run.save("last", self.network.tensors, metadata)
            if best:
                self.run.save("best", self.network.tensors, metadata)
        if best:
            position.best_accuracy, position.best_loss = judged.accuracy, judged.loss
        # The metrics come first: a resumed run can drop an epoch that was logged and not saved, and can't make one up.
        self.run.log_epoch(record)
        self.records.append(record)
        if position.seen == len(self.data.train):
            position.next_epoch()
        self._unfinished = False
        self.save()
        return record

    def _evaluated(self, part: str, split: Split | None) -> Evaluation:
        with self._averaged():
            found = evaluate_with(self.executor, self.data, split)
            if not np.isfinite(found.loss):
                raise TrainingError(self._diverged(f"the {part} loss became {found.loss}", examine(self.executor)))
        return found

    def _averaged(self) -> AbstractContextManager[None]:
        """While inside, the network has the averaged weights, where the training averages them."""
        return nullcontext() if self.average is None else self.average.in_place()

    @property
    def _others(self) -> dict[str, np.ndarray]:
        """What a saved state holds besides weights and the optimizer's arrays."""
        return self.clipping.state | (self.average.state if self.average else {})

    def save(self) -> None:
        """Write what going on from here needs; any step may be the last before it."""
        self._refuse_halves()
        self.run.check()
        if self.position.step and not self.run.config.exists():
            raise self.run.gone()
        config = self.network.config.to_mapping()
        states = self.network.tensors, self.optimizer.state
        save_state(self.run, *states, self.position, config, self.data.digest, self._others)
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

    def _augmentations(self) -> np.ndarray | None:
        """How each training image is augmented in this epoch, drawn once for it; None without augmentation."""
        if self._drawn[0] != self.epoch:
            images, own = self.data.train.images, self.settings
            drawn = draw_augmentations(own.augment, len(images), own.seed, self.epoch, images.shape[2:])
            self._drawn = self.epoch, drawn
        return self._drawn[1]

    def _diverged(self, what: str, found: Finding) -> str:
        """The sentences, a line each: what went wrong and what is kept, where it began, what may help."""
        saved = self._saved
        kept = "there is no checkpoint yet"
        if saved.epochs:
            kept = f"the checkpoints of epoch {saved.epochs} are in {self.run.folder}"
        if saved.seen:
            kept = f"what was saved after step {saved.step} is in {self.run.folder}"
        smaller = f"try a smaller step, for instance --set {self.learning_rate.key}=..., or another init"
        first = f"{what} at step {self.steps} (epoch {self.epoch}), so training stopped; {kept}"
        return "\n".join([first, *found.sentences, found.remedy or smaller])


def _averaged_arrays(network: Network) -> dict[str, np.ndarray]:
    """What a moving average is taken of: all parameters, and the running statistics of norms."""
    kept = {name: array for name, array in network.buffers.items() if array.dtype == network.dtype}
    return {"parameters": network.parameters, **kept}
