"""Progress display of ``nbcnn train --seeds``: that of each training, then the mean of all."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from nbcnn.cli._display import with_plugins
from nbcnn.cli._output import say
from nbcnn.cli._progress import Progress
from nbcnn.errors import printable
from nbcnn.training.seeds import SeedsReporter

if TYPE_CHECKING:
    from nbcnn.errors import NbcnnError
    from nbcnn.training.reporter import Reporter
    from nbcnn.training.seeds_table import SeedRuns


class SeedsProgress(SeedsReporter):
    """A display of its own for each training; what to type to go on names the folder of all."""

    def __init__(self) -> None:
        self._one: Progress | None = None
        self._folder: Path | None = None

    def begin(self, runs: SeedRuns, seed: int) -> Reporter:
        """A training begins, or goes on."""
        self._folder = runs.folder
        say(f"seed {seed}, {1 + seed - runs.first} of {runs.count} in {printable(str(runs.folder))}")
        self._one = Progress(resumes=runs.folder).__enter__()
        return self._one

    def finished(self, runs: SeedRuns, seed: int) -> None:
        """Print its result."""
        self.close()
        say(_result(runs, seed))
        if self._one is not None and self._one.findings:
            run = printable(str(runs.run_folder(seed)))
            say(f"  found in it: {', '.join(self._one.findings)}; {with_plugins(f'doctor {quote(run)}')} says more")
        say("")

    def known(self, runs: SeedRuns, seed: int) -> None:
        """Print the result of one that was finished before."""
        self._folder = runs.folder
        say(f"{_result(runs, seed)}; finished before\n")

    def close(self) -> None:
        """Take the bar of the training away."""
        if self._one is not None:
            self._one.close()

    def stopped(self) -> None:
        """Say how to go on."""
        if self._one is not None:
            self._one.stopped()
        elif self._folder is not None:
            say("stopped. To go on:\n  " + with_plugins(f"train --resume {quote(str(self._folder))}"))

    def failed(self, error: NbcnnError) -> None:
        """Say what is left of the training that could not go on."""
        if self._one is not None:
            self._one.failed(error)

    def summary(self, runs: SeedRuns) -> None:
        """Each result, the mean, and where the table is."""
        accuracies = " ".join(_percent(row["test_accuracy"]) for row in runs.rows)
        mean, deviation = runs.mean("test_accuracy"), runs.standard_deviation("test_accuracy")
        say(f"test accuracy of {len(runs.rows)} seeds: {accuracies}")
        if mean is not None and deviation is not None:
            say(f"mean ± standard deviation (n - 1): {100 * mean:.2f} ± {100 * deviation:.2f} %")
        say(_chosen(runs.rows[-1]))
        say(f"table: {printable(str(runs.csv))}, {runs.json.name}")


def _result(runs: SeedRuns, seed: int) -> str:
    row = next(row for row in runs.rows if row["seed"] == seed)
    held = f", validation accuracy {_percent(row['val_accuracy'])}" if row["val_accuracy"] is not None else ""
    which = f"{row['checkpoint']} checkpoint (epoch {row['epoch']})"
    return f"seed {seed}: {which}{held}, test accuracy {_percent(row['test_accuracy'])}"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.2%}"


def _chosen(row: dict[str, Any]) -> str:
    if row["checkpoint"] == "best":
        return "each of the checkpoint that was best on the validation images"
    return "each of the last epoch: there are no validation images that could choose a better one"
