"""Callbacks of a training, for displays of its progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbcnn.autotune.auto import Listener
from nbcnn.data import Dataset
from nbcnn.engine.network import Network
from nbcnn.runs.run_folder import Run
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.state import Position


class Reporter(Listener):
    """Who is told how training goes. This one says nothing; the command line's draws it."""

    def goes_on(self, position: Position) -> None:
        """What begins is not a new training, but one that goes on from a position."""

    def start(self, run: Run, network: Network, data: Dataset, threads: int) -> None:
        """Training begins."""

    def compiling(self, kernel: str, left: int) -> None:
        """A kernel is about to be compiled, one of ``left`` that are known to have to be; 0: the last one is done."""

    def compiled(self, kernels: int, seconds: float) -> None:
        """All are, and some had to be."""

    def epoch(self, epoch: int, epochs: int, images: int) -> None:
        """An epoch begins, or goes on."""

    def step(self, images: int, loss: float, accuracy: float) -> None:
        """A batch is done; ``loss`` and ``accuracy`` are its own."""

    def epoch_done(self, record: Mapping[str, Any]) -> None:
        """An epoch is done; the record is that of the metrics files."""

    def finding(self, finding: Finding) -> None:
        """The doctor has found something after the epoch; it says each thing once."""

    def stopped_early(self, why: str) -> None:
        """Early stopping ends the training before its last epoch."""

    def drawing(self) -> None:
        """All epochs are done, and the pictures are about to be drawn."""

    def saved(self, position: Position) -> None:
        """From this position training could be resumed, whatever happens now."""
