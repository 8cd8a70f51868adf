"""Progress display of ``nbcnn train``: the compile phase, a line per epoch, a bar."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from shlex import quote
from typing import TYPE_CHECKING, Any

from nbcnn.cli._display import Display, backends_in_words, loss_text, with_plugins
from nbcnn.cli._tables import NO_BREAK, wrapped
from nbcnn.errors import TrainingError, printable
from nbcnn.report.chance_level import no_better_than_guessing, what_to_try
from nbcnn.training.reporter import Reporter
from nbcnn.util import activity

if TYPE_CHECKING:
    from pathlib import Path

    from nbcnn.data import Dataset
    from nbcnn.engine.network import Network
    from nbcnn.errors import NbcnnError
    from nbcnn.runs.run_folder import Run
    from nbcnn.training.doctor.finding import Finding
    from nbcnn.training.state import Position

STEP = "a step of the training"


class Progress(Display, Reporter):
    """A line per epoch, above a bar that counts images."""

    def __init__(self, resumes: Path | None = None) -> None:
        """``resumes`` is the folder to go on with, where that is not the run folder."""
        super().__init__()
        self._resumes = resumes
        self._records: list[Mapping[str, Any]] = []
        self._backends: list[str] = []
        self._run: Run | None = None
        self._saved: Position | None = None
        self._resumed: Position | None = None
        self._images: Dataset | None = None
        self._remedies: tuple[str, float | None, int] = ("", None, 1)
        self._epoch = self._schedule = ""
        self.findings: list[str] = []
        """What the doctor has found so far, by the names of its rules."""

    def goes_on(self, position: Position) -> None:
        """An earlier training goes on."""
        self._resumed = position

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """Print the network, the data, the settings and the folder."""
        self._backends = sorted(backends_in_words(network))
        used = f", {' '.join(self._backends)}" if self._backends else ""
        self._tell(
            f"{network.config.name}: {network.parameters.size:,} parameters{used}, "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        self._data(data)
        if data.done:
            done = "; ".join(data.done).replace(": ", f":{NO_BREAK}")  # a count stays with its words
            self._print(wrapped(f"pictures {done}"))
        self._images = data
        settings = network.config.train
        self._augmented(settings)
        rate = getattr(settings.optimizer.config, "lr", None)
        self._schedule = "" if settings.schedule.name == "constant" else f", {settings.schedule.name}"
        self._schedule += ", warm-up" if settings.warmup else ""
        highest = getattr(settings.schedule.config, "max_lr", None)  # in place of the optimizer's own
        lr = f" (lr up to {highest:g})" if highest else f" (lr {rate:g})" if rate else ""
        trained = f"{settings.optimizer.name}{lr}{self._schedule}"
        self._tell(
            f"{trained}, batches of {settings.batch_size}, "
            f"{settings.epochs} epoch{'s' if settings.epochs > 1 else ''}, seed {settings.seed}"
        )
        self._remedies = settings.optimizer.name, None if highest else rate, settings.epochs
        self._run = run
        self._print(f"run folder: {run.folder}")
        activity.tell(now="the first step of the training", may_last=True)
        if self._resumed:
            self._records += run.metrics()
            self._print(f"going on {_place(self._resumed)}")
            self._looked(run, network, self._resumed)
            if self._resumed.epochs == settings.epochs and not settings.schedule.config.depends_on_epochs:
                self._print(f"all {settings.epochs} epochs are done; --epochs {2 * settings.epochs} would train longer")

    def _looked(self, run: Run, network: Network, position: Position) -> None:
        """Where more steps follow a look at the test images, the look at the end is another one."""
        from nbcnn.training.final_test import earlier_looks, times

        looks = earlier_looks(run, position.step + 1)
        if network.config.data.validation is not None and position.epochs < network.config.train.epochs and looks:
            self._tell(f"the test images have been looked at {times(looks)} already; at the end they are again")

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """A new epoch begins, or one goes on."""
        self._seen, self._loss, self._right, self._epochs = 0, 0.0, 0.0, epochs
        done = self._resumed
        if done and done.epochs == epoch - 1:
            self._seen, self._loss, self._right = done.seen, done.loss_sum, float(done.right)
        if self._task is None:
            completed = (epoch - 1) * images + self._seen
            self._task = self._bar.add_task("", total=epochs * images, completed=completed, numbers="")
        self._epoch = f"epoch {epoch}/{epochs}"
        self._bar.show(self._task, self._epoch)
        activity.tell(now=STEP, may_last=True)

    def step(self, images: int, loss: float, accuracy: float) -> None:
        """One batch is done."""
        activity.tell(now=STEP, may_last=True)
        self._seen, self._loss, self._right = (
            self._seen + images,
            self._loss + loss * images,
            self._right + accuracy * images,
        )
        assert self._task is not None
        speed = self._bar.tasks[-1].speed  # images a second, over the last moments
        numbers = [f"loss {self._loss / self._seen:.3f}", f"accuracy {self._right / self._seen:.1%}"]
        self._bar.update(self._task, advance=images)
        self._bar.show(self._task, self._epoch, [*numbers, *([f"{speed:,.0f} images/s"] if speed else [])])

    def epoch_done(self, record: Mapping[str, Any]) -> None:
        """Print the epoch's line."""
        activity.tell(now="")
        self._records.append(record)
        width = len(str(self._epochs))
        losses, accuracies = [f"loss {loss_text(record['train_loss'])}"], [f"accuracy {record['train_accuracy']:.1%}"]
        for part in ("val", "test"):
            if record.get(f"{part}_accuracy") is not None:
                losses.append(f"{part} {loss_text(record[f'{part}_loss'])}")
                accuracies.append(f"{part} {record[f'{part}_accuracy']:.1%}")
        self._tell(
            f"epoch {record['epoch']:>{width}}",
            ", ".join(losses),
            ", ".join(accuracies),
            *([f"lr {record['lr']:.4g}"] if self._schedule else []),
            f"{record['images_per_second']:,.0f} images/s",
        )

    def finding(self, finding: Finding) -> None:
        """Say what the doctor has found, with the change that it proposes."""
        self.findings.append(finding.rule.replace("_", " "))
        options = f" ({finding.options})" if finding.sets else ""
        self._print(wrapped(f"  {finding.sentence}{options}"))

    def stopped_early(self, why: str) -> None:
        """Say why the training ends."""
        self._tell(why)

    def saved(self, position: Position) -> None:
        """Remember what training could be resumed from."""
        self._saved = position
        if self._run is not None and position.step and activity.is_watched():
            folder = self._run.folder
            activity.tell(
                saved=f"{printable(str(folder))} keeps what was saved {_place(position)}. To go on from there: "
                + self._going_on()
            )

    def stopped(self) -> None:
        """Say what is left of a training that was interrupted."""
        self.close()
        if self._run is None or self._saved is None:
            return
        self._print(f"stopped; saved in {self._run.folder} {_place(self._saved)}. To go on:")
        self._print("  " + self._going_on())

    def failed(self, error: NbcnnError) -> None:
        """Say what is left of a training that could not go on."""
        self.close()
        if self._run is None or self._saved is None or not self._saved.step or not self._run.state.is_file():
            return
        self._print(f"{self._run.folder} keeps what was saved {_place(self._saved)}. To go on from there:")
        more = " --allow-changes --set ..." if isinstance(error, TrainingError) else ""
        self._print("  " + self._going_on(more))

    def _going_on(self, more: str = "") -> str:
        """The command that goes on with this training."""
        assert self._run is not None
        return with_plugins(f"train --resume {quote(str(self._resumes or self._run.folder))}{more}")

    def summary(self, run: Run) -> None:
        """The result, and what to do next."""
        part, name = "test", "test"
        if any(map(_has_validation, self._records)):
            part, name = "val", "validation"
        judged = [record for record in self._records if record.get(f"{part}_accuracy") is not None]
        if judged:  # metrics.jsonl of an earlier part of this training may lack it
            best, last = min(judged, key=lambda record: _rank(record, part)), judged[-1]
            self._print("")
            self._tell(
                f"{name} accuracy {last[f'{part}_accuracy']:.1%} after epoch {last['epoch']}; "
                f"best {best[f'{part}_accuracy']:.1%} (epoch {best['epoch']}), kept in"
            )
            self._print(f"{run.folder}/best.safetensors")
            self._tested(run, part, best, last)
        drawn = [path.name for path in (run.curves, run.confusion, run.samples, run.augmented) if path.exists()]
        if drawn:
            self._print(f"pictures: {run.folder}/{', '.join(drawn)}")
        if run.report.exists():
            self._print(f"all of it on one page: {run.report}")
        other = "direct" if "conv2d=fft" in self._backends else "fft"
        folder, config = quote(str(run.folder)), quote(str(run.config))
        hints = (
            ("the best checkpoint on the test images", f"eval {folder}"),
            ("the same network on other kernels", f"train {config} --backend conv2d={other}"),
            ("what it sees in a picture of yours", f"predict {folder} PICTURE.png"),
        )
        self._print("\nnext:")
        for what, command in hints:
            self._print(f"  {with_plugins(command)}\n      {what}")

    def _tested(self, run: Run, part: str, best: Mapping[str, Any], last: Mapping[str, Any]) -> None:
        """The test accuracy of the best checkpoint, and what that is worth: which images chose it."""
        from nbcnn.training.final_test import read_result, times

        accuracy, result = best.get("test_accuracy"), read_result(run)
        if result is not None:
            accuracy = result.accuracy
            looked = "once, now" if result.looks == 1 else f"again: {times(result.looks)} in all"
            self._tell(f"test accuracy of this checkpoint {accuracy:.1%}; the test images were looked at {looked}")
        elif part == "val" and accuracy is not None:
            self._tell(f"test accuracy of this checkpoint {accuracy:.1%}")
        elif accuracy is not None:
            self._tell(
                "the test images chose it, so its accuracy on them is a little too high; "
                "--set data.validation=0.1 would choose on images held out of the training"
            )
        if accuracy is not None:
            self._guessed(accuracy, last.get("train_accuracy"))

    def _guessed(self, best: float, train: float | None) -> None:
        """Say so where the best test accuracy is no better than guessing."""
        if self._images is None:
            return
        guess = no_better_than_guessing(best, self._images.test.labels, self._images.classes)
        if guess:
            what = f"that is no better than guessing: to say {guess.name} each time is right in {guess.share:.1%}"
            self._tell(what)
            if not self.findings:
                self._tell(what_to_try(guess, train, *self._remedies))


def _rank(record: Mapping[str, Any], part: str) -> tuple[float, float]:
    """The least is the best epoch, by the accuracy and loss on a part of the images: ``val`` or ``test``."""
    loss = record.get(f"{part}_loss")
    return -record[f"{part}_accuracy"], inf if loss is None else loss


def _has_validation(record: Mapping[str, Any]) -> bool:
    return record.get("val_accuracy") is not None


def _place(position: Position) -> str:
    """``after epoch 3``, or after which step and how much of an epoch that is."""
    if position.seen:
        return f"after step {position.step:,} ({position.seen:,} images into epoch {position.epochs + 1})"
    return f"after epoch {position.epochs}" if position.epochs else "before the first step"
