"""Training as a person sees it: a phase of compiling, then one line an epoch above a moving bar."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich import progress
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from nbcnn.cli._compiling import CHOOSING
from nbcnn.kernels.registry import backend_names
from nbcnn.training import Reporter

if TYPE_CHECKING:
    from nbcnn.choices import Choice
    from nbcnn.data import Dataset
    from nbcnn.network import Network
    from nbcnn.runs import Run


class Progress(Reporter):
    """Draws with rich; on something that is no terminal it prints the epochs' lines alone."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=24),
            progress.TextColumn("{task.fields[numbers]}"),
            _Left(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: progress.TaskID | None = None
        self._compiling: progress.TaskID | None = None
        self._records: list[Mapping[str, Any]] = []
        self._backends: list[str] = []
        self._run: Run | None = None
        self._started = 0
        self._choosing = False

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """Say what is trained, on what, into which folder."""
        self._backends = sorted(backends_in_words(network))
        used = f", {' '.join(self._backends)}" if self._backends else ""
        self._print(
            f"{network.config.name}: {network.parameters.size:,} parameters{used}, "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        self._print(f"{data.name}: {len(data.train.images):,} training and {len(data.test.images):,} test images")
        settings = network.config.train
        rate = getattr(settings.optimizer.config, "lr", None)
        self._print(
            f"{settings.optimizer.name}{f' (lr {rate:g})' if rate else ''}, batches of {settings.batch_size}, "
            f"{settings.epochs} epoch{'s' if settings.epochs > 1 else ''}, seed {settings.seed}"
        )
        self._run = run
        self._print(f"run folder: {run.folder}")

    def choosing(self, problem: str) -> None:
        """Called before backends are timed for a problem."""
        if not self._choosing:
            self._print(CHOOSING)
        self._choosing = True

    def chosen(self, choice: Choice) -> None:
        """Called with every choice; one from memory is told with the network."""
        if self._compiling is not None:
            self._bar.remove_task(self._compiling)
            self._compiling = None
        if not choice.remembered:
            self._print(f"  {choice}")

    def compiling(self, kernel: str) -> None:
        """Called before each kernel that has to be compiled."""
        short = kernel.removeprefix("nbcnn.kernels.")
        if self._compiling is None:
            if not (self._console.is_terminal or self._started):
                self._print("compiling kernels (first run only) ...")
            self._compiling = self._bar.add_task("compiling kernels (first run only)", total=None, numbers=short)
        self._started += 1
        self._bar.update(self._compiling, numbers=f"number {self._started}: {short}")

    def compiled(self, kernels: int, seconds: float) -> None:
        """Called once after compiling."""
        if self._compiling is not None:
            self._bar.remove_task(self._compiling)
        from nbcnn.kernels.jit import cache_folder

        many = "kernel" if kernels == 1 else "kernels"
        kept = "first run only, later runs load them" if cache_folder() else "they are not kept: see the warning"
        self._print(f"compiled {kernels} {many} in {seconds:.1f} s ({kept})")

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """A new epoch begins."""
        if self._task is None:
            self._task = self._bar.add_task("", total=epochs * images, numbers="")
        self._bar.update(self._task, description=f"epoch {epoch}/{epochs}")
        self._seen, self._loss, self._right, self._epochs = 0, 0.0, 0.0, epochs

    def step(self, images: int, loss: float, accuracy: float) -> None:
        """One batch is done."""
        self._seen, self._loss, self._right = (
            self._seen + images,
            self._loss + loss * images,
            self._right + accuracy * images,
        )
        assert self._task is not None
        speed = self._bar.tasks[-1].speed  # images a second, over the last moments
        rate = f", {speed:,.0f} images/s" if speed else ""
        numbers = f"loss {self._loss / self._seen:.3f}, accuracy {self._right / self._seen:.1%}{rate}"
        self._bar.update(self._task, advance=images, numbers=numbers)

    def epoch_done(self, record: Mapping[str, Any]) -> None:
        """Print the epoch's line."""
        self._records.append(record)
        width = len(str(self._epochs))
        self._print(
            f"epoch {record['epoch']:>{width}}  loss {_loss(record['train_loss'])}, test {_loss(record['test_loss'])}  "
            f"accuracy {record['train_accuracy']:.1%}, test {record['test_accuracy']:.1%}  "
            f"{record['images_per_second']:,.0f} images/s"
        )

    def stopped(self) -> None:
        """Say what is left of a training that was interrupted."""
        self._bar.stop()
        if self._run is None:
            return
        if not self._records:
            self._print(f"stopped in the first epoch; {self._run.folder} holds no checkpoint yet")
            return
        self._print(f"stopped after epoch {self._records[-1]['epoch']}, which {self._run.folder} keeps")
        self._print(f"  {program()} eval {quote(str(self._run.folder))}")

    def summary(self, run: Run) -> None:
        """The result, and what to do next."""
        best = min(self._records, key=lambda record: (-record["test_accuracy"], record["test_loss"]))
        last = self._records[-1]
        self._print(
            f"\ntest accuracy {last['test_accuracy']:.1%} after epoch {last['epoch']}; "
            f"best {best['test_accuracy']:.1%} (epoch {best['epoch']}), kept in\n{run.folder}/best.safetensors"
        )
        self._print(f"pictures: {run.curves}, {run.confusion.name}, {run.samples.name}")
        other = "direct" if "conv2d=fft" in self._backends else "fft"
        me, folder, config = program(), quote(str(run.folder)), quote(str(run.config))
        hints = (
            ("the best checkpoint on the test images", f"eval {folder}"),
            ("the same network on other kernels", f"train {config} --backend conv2d={other}"),
            ("what it sees in a picture of yours", f"predict {folder} PICTURE.png"),
        )
        self._print("\nnext:")
        for what, command in hints:
            self._print(f"  {me} {command}\n      {what}")

    def _print(self, text: str) -> None:
        self._console.print(escape(text), soft_wrap=True)


def backends_in_words(network: Network) -> list[str]:
    """``conv2d=direct,im2col (auto)``: the backends of conv2d and of other ops that had a choice."""
    names: dict[str, set[str]] = {}
    for layer in network.layers():
        if layer.op == "conv2d" or (layer.op and layer.path in network.chosen and len(backend_names(layer.op)) > 1):
            names.setdefault(layer.op, set()).add(layer.backend or "")
    auto = {layer.op for layer in network.layers() if layer.path in network.chosen}
    return [f"{op}={','.join(sorted(used))}{' (auto)' if op in auto else ''}" for op, used in names.items()]


class _Left(progress.ProgressColumn):
    """The time that is left, once there is something to reckon it from."""

    def render(self, task: progress.Task) -> Text:
        """``1:05 left``"""
        seconds = task.time_remaining
        return Text("" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d} left")


def program() -> str:
    """How this person calls nbcnn: by name where the shell finds this very program, else as it was typed."""
    typed = Path(sys.argv[0])
    if typed.name == "__main__.py":
        return "python -m nbcnn"
    found = shutil.which(typed.name)
    same = found is not None and Path(found).resolve() == typed.resolve()
    return str(typed) if typed.stem == "nbcnn" and not same else "nbcnn"


def _loss(loss: float) -> str:
    """Four places, or powers of ten for a loss that is running away."""
    return f"{loss:.4f}" if loss < 1000 else f"{loss:.2e}"
