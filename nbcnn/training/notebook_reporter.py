"""Progress of a training in a Jupyter notebook: a table of the epochs below a line that changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from nbcnn.data import Dataset
from nbcnn.engine.network import Network
from nbcnn.runs.metrics_row import Record, as_html
from nbcnn.runs.run_folder import Run
from nbcnn.training.reporter import Reporter
from nbcnn.util.html import element, joined

SECONDS = 0.5
"""Between two changes of the line: a notebook keeps every one that it is sent until it is drawn."""


def in_notebook() -> bool:
    """Whether this process runs the cells of a notebook; IPython in a terminal does not."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def default_reporter() -> Reporter:
    """Who is told of a training where the caller names nobody: the notebook's reader, or no one."""
    return NotebookReporter() if in_notebook() else Reporter()


class NotebookReporter(Reporter):
    """One output of the cell, which is changed in place."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._folder, self._line, self._what = "", "", ""
        self._seen, self._of, self._changed = 0, 0, 0.0
        self._handle: Any = None

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """A new table; a training that goes on begins with the epochs it has."""
        self._folder, self._records = str(run.folder), list(run.metrics())
        words = f"{network.config.name}: {network.parameters.size:,} parameters, {threads} thread"
        self._show(words + ("s" if threads > 1 else ""))

    def compiling(self, kernel: str, left: int) -> None:
        """The kernels are counted down."""
        self._show(f"compiling kernels, {left:,} to go (the first time only)" if left else "")

    def choosing(self, problem: str) -> None:
        """Backends are timed."""
        self._show(f"timing the backends of {problem}")

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """An epoch begins."""
        self._seen, self._of, self._what = 0, images, f"epoch {epoch}/{epochs}"
        self._show(self._what)

    def step(self, images: int, loss: float, accuracy: float) -> None:
        """Images are counted."""
        self._seen += images
        if time.monotonic() - self._changed >= SECONDS:
            self._show(f"{self._what}: {self._seen:,} of {self._of:,} images, loss {loss:.3f}, accuracy {accuracy:.1%}")

    def epoch_done(self, record: Mapping[str, Any]) -> None:
        """A row more."""
        self._records.append(dict(record))
        self._show("")

    def stopped_early(self, why: str) -> None:
        """The reason, in place of the line."""
        self._show(why)

    def _show(self, line: str) -> None:
        from IPython.display import HTML, display

        self._changed = time.monotonic()
        content = HTML(joined(as_html(self._folder, self._records), element("p", line) if line else ""))
        if self._handle is None:
            self._handle = display(content, display_id=True)
        else:
            self._handle.update(content)
