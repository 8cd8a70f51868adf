"""What an engine's helper threads do between batches: wait for the next one, and take its packs without Python.

The kernels are those of stand_by.py.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

from nbcnn.engine.batch import Batch, Mode
from nbcnn.engine.stand_by import CAME, LOOKS, PACKS, WANTED, call_wanted, wait_for_batch
from nbcnn.engine.worker import Worker


class Ready(NamedTuple):
    """A worker's calls of a mode, which can be played without Python."""

    worker: weakref.ref[Worker]
    mode: Mode
    list: Any
    where: tuple[np.ndarray, ...]


class Helpers:
    """It holds its workers weakly: threads know it, and an engine that they knew could not be forgotten.

    ``failures`` are errors of helpers that were called since it was emptied last.
    """

    def __init__(self, count: int) -> None:
        self._batch: Batch | None = None
        self._ready: list[Ready | None] = [None] * count
        self.failures: list[BaseException] = []
        self.reset()

    def reset(self) -> None:
        """No thread stands by."""
        self._standing: list[Ready | None] = [None] * len(self._ready)

    def begin(self, mode: Mode, batch: Batch, workers: list[Worker]) -> None:
        """The next batch, for which workers are ready."""
        self._batch = batch
        for helper, worker in enumerate(workers):
            calls, known = worker.calls_alone(mode), self._ready[helper]
            if calls is None:
                self._ready[helper] = None
            elif known is None or known.list is not calls[0]:
                self._ready[helper] = Ready(weakref.ref(worker), mode, *calls)

    def rest(self, helper: int, line: np.ndarray, jobs: int) -> None:
        """A helper's, when it has done so many jobs: be near when the next batch begins, and play its part."""
        batch, ready = self._batch, self._ready[helper]
        if batch is None:
            return
        if ready is None:
            wait_for_batch(batch.stage(0).next_pack, batch.packs, LOOKS, line, jobs)
            return
        self._standing[helper] = ready
        try:
            while not ready.list.play_batches(ready.where, (line, LOOKS, jobs)):
                if (worker := ready.worker()) is not None:
                    worker.go_on(ready.mode)
                del worker
        except BaseException as error:
            self.failures.append(error)
            batch.fail()
        finally:
            self._standing[helper] = None

    def call(self, lines: np.ndarray, packs: int) -> list[bool]:
        """Call those of the first helpers that stand by for this batch, which has so many packs; which ones came."""
        for line, ready, standing in zip(lines, self._ready, self._standing, strict=False):
            line[WANTED], line[PACKS] = ready is not None and standing is ready, packs
        call_wanted(lines, len(lines))
        return [bool(came) for came in lines[:, CAME]]

    def take_failures(self) -> list[BaseException]:
        """What went wrong, once."""
        found, self.failures = self.failures, []
        return found
