"""Thread-safety check: kernels of one build, called by several threads at once on arrays of their own.

An engine does the same: all threads share the prepared kernels, none its scratch. Calls are made from call lists, so
that compiled kernels really run side by side, and Python is made to switch threads often, for those that are not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np

from nbcnn.conformance.formatting import described
from nbcnn.conformance.grid import Case
from nbcnn.conformance.guarded_arrays import guarded
from nbcnn.conformance.inputs import cast, rounded
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import Array, Arrays, calls, dtype, shape
from nbcnn.engine.call_list import CallList
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.kernels.contract import Backend, Signature
from nbcnn.util import activity

CHECK = "threads"
ROUNDS = 3
"""How often each phase is run."""
SECONDS, LEAST, MOST = 0.06, 8, 100
"""How long a thread is busy in a phase of all kernels; but so many repeats at least, and at most."""


def phases(problem: Any) -> list[Sequence[Signature]]:
    """Each kernel alone, where all threads meet in it; then all in turn, should two of them share something."""
    every = calls(problem)
    return [*((call,) for call in every), every]


class _Pack:
    """One thread's inputs and expected outputs, and a call list for each phase that writes outputs anew."""

    def __init__(self, rig: KernelRunner, seed: int) -> None:
        self.rig, self.problem = rig, rig.problem
        self.inputs = cast(self.problem, rounded(self.problem, (11, seed)))
        self.work = guarded((int(rig.workspace),), self.problem.dtype)
        self.right, self.out = self._outputs(), self._outputs()
        call_list = self._call_list(self.right, calls(self.problem))
        call_list()
        since = time.perf_counter()
        call_list()
        self.seconds = time.perf_counter() - since
        self.call_lists = [self._call_list(self.out, phase) for phase in phases(self.problem)]

    def play(self, phase: int, times: int) -> dict[str, int]:
        """For each array of a phase, in how many repeats its bits were not those of the serial run."""
        names = [name for call in phases(self.problem)[phase] for name in call.writes]
        wrong = dict.fromkeys(names, 0)
        with np.errstate(all="ignore"):
            for _ in range(times):
                self.call_lists[phase]()
                for name in names:
                    wrong[name] += not np.array_equal(_bits(self.out[name]), _bits(self.right[name]))
        return wrong

    def _outputs(self) -> Arrays:
        return {
            name: guarded(shape(self.problem, name), dtype(self.problem, name))
            for call in calls(self.problem)
            for name in call.writes
        }

    def _call_list(self, out: Arrays, phase: Sequence[Signature]) -> CallList:
        made = []
        for call in phase:
            read = [self.inputs[name] if name in self.inputs else self.right[name] for name in call.reads]
            made.append((getattr(self.rig.kernels, call.kernel), (*read, *(out[n] for n in call.writes), self.work)))
        return CallList(made)


def _bits(array: Array) -> Array:
    return array.view(f"i{array.itemsize}")


def check_threads(backend: Backend, problem: Any, threads: int, report: Report) -> None:
    """The bits of a serial run, from all threads at once."""
    case = Case(problem)
    try:
        rig = KernelRunner(backend, problem)
        activity.tell(now=f"one of the kernels, called by {threads} threads at once,")
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
            f"{name} has other bits than in a serial run, in up to {count:,} of {calls_made:,} calls by a thread while "
            f"{threads} threads call at once",
            described(case),
            name,
            "a race: do calls share a buffer other than the scratch that they are given?",
        )


def _run(rig: KernelRunner, threads: int) -> tuple[dict[str, int], int]:
    packs = [_Pack(rig, seed) for seed in range(threads)]
    times = min(MOST, max(LEAST, round(SECONDS / packs[0].seconds)))
    wrong: dict[str, int] = dict.fromkeys(packs[0].out, 0)
    with closing(ThreadPool(threads)) as pool, _switching_often():
        for turn in range(ROUNDS * len(phases(rig.problem))):
            phase = turn % len(phases(rig.problem))
            found: list[dict[str, int]] = [{} for _ in packs]

            def work(worker: int, phase: int = phase, found: Any = found) -> None:
                found[worker] = packs[worker].play(phase, times)

            pool.run(threads, work, at_once=True)
            for name in found[0]:
                wrong[name] = max(wrong[name], *(one[name] for one in found))
            if turn + 1 >= len(phases(rig.problem)) and any(wrong.values()):
                break
    return wrong, times


@contextmanager
def _switching_often() -> Iterator[None]:
    """Python lets another thread run after 10 µs, not 5 ms."""
    usual = sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-5)
        yield
    finally:
        sys.setswitchinterval(usual)
