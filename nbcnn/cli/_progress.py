"""Training as a person sees it: a phase of compiling, then one line an epoch above a moving bar."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import progress
from rich.console import Console
from rich.markup import escape

from nbcnn.training import Reporter

if TYPE_CHECKING:
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
            progress.TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: progress.TaskID | None = None
        self._compiling: progress.TaskID | None = None
        self._records: list[Mapping[str, Any]] = []
        self._backends: list[str] = []

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.stop()

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """Say what is trained, on what, into which folder."""
        self._backends = sorted({f"{layer.op}={layer.backend}" for layer in network.layers() if layer.op == "conv2d"})
        used = f", {' '.join(self._backends)}" if self._backends else ""
        self._print(
            f"{network.config.name}: {network.parameters.size:,} parameters{used}, "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )
        self._print(f"{data.name}: {len(data.train.images):,} training and {len(data.test.images):,} test images")
        self._print(f"run folder: {run.folder}")

    def compiling(self, kernel: str) -> None:
        """Called before each kernel that has to be compiled."""
        short = kernel.removeprefix("nbcnn.kernels.")
        if self._compiling is None:
            if not self._console.is_terminal:
                self._print("compiling kernels (first run only) ...")
            self._compiling = self._bar.add_task("compiling kernels (first run only)", total=None, numbers=short)
        self._bar.update(self._compiling, numbers=short)

    def compiled(self, kernels: int, seconds: float) -> None:
        """Called once after compiling."""
        if self._compiling is not None:
            self._bar.remove_task(self._compiling)
        many = "kernel" if kernels == 1 else "kernels"
        self._print(f"compiled {kernels} {many} in {seconds:.1f} s (first run only, later runs load them)")

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """A new epoch begins."""
        if self._task is None:
            self._task = self._bar.add_task("", total=epochs * images, numbers="")
        self._bar.update(self._task, description=f"epoch {epoch}/{epochs}")
        self._seen, self._loss, self._right = 0, 0.0, 0.0

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
        self._print(
            f"epoch {record['epoch']:>3}  loss {_loss(record['train_loss'])}  accuracy {record['train_accuracy']:.1%}  "
            f"test loss {_loss(record['test_loss'])}  test accuracy {record['test_accuracy']:.1%}  "
            f"{record['images_per_second']:>7,.0f} images/s"
        )

    def summary(self, run: Run) -> None:
        """The result, and what to do next."""
        best = max(self._records, key=lambda record: float(record["test_accuracy"]))
        last = self._records[-1]
        self._print(
            f"\ntest accuracy {last['test_accuracy']:.1%} after epoch {last['epoch']}; "
            f"best {best['test_accuracy']:.1%} (epoch {best['epoch']}), kept in {run.folder}/best.safetensors"
        )
        self._print(f"pictures: {run.curves}, {run.confusion.name}, {run.samples.name}")
        other = "direct" if "conv2d=fft" in self._backends else "fft"
        me = program()
        hints = (
            (f"{me} eval {run.folder}", "the best checkpoint on the test images"),
            (f"{me} train {run.config} --backend conv2d={other}", "the same network on other kernels"),
            (f"{me} predict {run.folder} PICTURE.png", "what it sees in a picture of yours"),
        )
        width = max(len(command) for command, _ in hints)
        for index, (command, what) in enumerate(hints):
            self._print(f"{'      ' if index else chr(10) + 'next: '}{command:<{width}}   {what}")

    def _print(self, text: str) -> None:
        self._console.print(escape(text), soft_wrap=True)


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
