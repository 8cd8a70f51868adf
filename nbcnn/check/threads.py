"""Kernels of one build, called by several threads at the same time, each with arrays of its own: a hidden buffer shows.

A run does exactly this: prepared kernels are shared by all threads, scratch is not. Calls are played from tapes, so
that compiled kernels really run side by side, and Python is made to switch threads often, for those that are not.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nbcnn.check.calls import Arrays, calls, dtype, shape
from nbcnn.check.data import cast, rounded
from nbcnn.check.grid import Case
from nbcnn.check.report import Report
from nbcnn.check.rig import BrokenError, Rig
from nbcnn.check.words import described
from nbcnn.crew import Crew, Turns
from nbcnn.kernels.contract import Backend
from nbcnn.kernels.tape import Tape

CHECK = "threads"
ROUNDS = 4
SECONDS = 0.02
"""How long a thread is to be busy in each round; there are at least ``LEAST`` repeats and at most ``MOST``."""
LEAST, MOST = 10, 60


class _Pack:
    """One thread's inputs, its right outputs, and a tape of calls that write them again and again."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig, self.problem = rig, rig.problem
        self.inputs = cast(self.problem, rounded(self.problem, (11, seed)))
        self.work = np.zeros(int(rig.workspace), self.problem.dtype)
        self.right = self._outputs()
        self._tape(self.right)()
        if "y" not in self.inputs and any("y" in call.reads for call in calls(self.problem)):
            self.inputs["y"] = self.right["y"].copy()
            self._tape(self.right)()
        since = time.perf_counter()
        self._tape(self.right)()
        self.seconds = time.perf_counter() - since
        self.outputs: list[Arrays] = []
        self.tapes: list[Tape] = []

    def repeat(self, times: int) -> None:
        """Make outputs and tapes for so many repeats."""
        self.outputs = [self._outputs() for _ in range(times)]
        self.tapes = [self._tape(out) for out in self.outputs]

    def play(self) -> None:
        """All repeats."""
        with np.errstate(all="ignore"):
            for tape in self.tapes:
                tape()

    def wrong(self) -> dict[str, int]:
        """For each array, in how many repeats its bits were not those of the serial run."""
        return {
            name: sum(out[name].tobytes() != array.tobytes() for out in self.outputs)
            for name, array in self.right.items()
        }

    def _outputs(self) -> Arrays:
        return {
            name: np.zeros(shape(self.problem, name), dtype(self.problem, name))
            for call in calls(self.problem)
            for name in call.writes
        }

    def _tape(self, out: Arrays) -> Tape:
        made = []
        for call in calls(self.problem):
            read = [self.inputs.get(name, out.get(name)) for name in call.reads]
            made.append((getattr(self.rig.kernels, call.kernel), (*read, *(out[n] for n in call.writes), self.work)))
        return Tape(made)


def check_threads(backend: Backend, problem: Any, threads: int, report: Report) -> None:
    """The bits of a serial run, from all threads at once."""
    case = Case(problem)
    try:
        rig = Rig(backend, problem)
        wrong, calls_made = _run(rig, threads)
    except BrokenError as error:
        report.fail(CHECK, str(error), described(case))
        return
    except Exception as error:
        report.fail(CHECK, f"a kernel raised {type(error).__name__} in a thread: {error}", described(case))
        return
    for name, count in wrong.items():
        if not count:
            report.ok(CHECK)
            continue
        report.fail(
            CHECK,
            f"{name} has other bits than in a serial run in {count:,} of {calls_made:,} calls by {threads} threads "
            "at once",
            described(case),
            name,
            "a race: do calls share a buffer other than the scratch that they are given?",
        )


def _run(rig: Rig, threads: int) -> tuple[dict[str, int], int]:
    packs = [_Pack(rig, seed) for seed in range(threads)]
    times = min(MOST, max(LEAST, int(SECONDS / max(packs[0].seconds, 1e-6))))
    for pack in packs:
        pack.repeat(times)
    start, crew = threading.Barrier(threads), Crew(threads)

    def work(worker: int, piece: int, turns: Turns) -> None:
        start.wait()
        packs[piece].play()

    wrong: dict[str, int] = {}
    try:
        with _switching_often():
            for _ in range(ROUNDS):
                crew.run(threads, work)
                for pack in packs:
                    for name, count in pack.wrong().items():
                        wrong[name] = wrong.get(name, 0) + count
                if any(wrong.values()):
                    break
    finally:
        crew.close()
    return wrong, times * threads


@contextmanager
def _switching_often() -> Iterator[None]:
    """Python lets another thread run after 10 µs, not 5 ms."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
