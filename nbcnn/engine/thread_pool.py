"""A thread pool: each thread does its own part of a job."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from nbcnn.engine.stand_by import CALLED, GIVEN, IN_PYTHON, LINE, STATE, wait_for_rest
from nbcnn.errors import NbcnnError

SPINS = 1_000_000
"""How often to look whether a helper is done before sleeping until it is: 1 ms at most, three packs of LeNet."""

Job = Callable[[], None]
Jobs = list["SimpleQueue[Job | None]"]


_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()


class AbandonedError(Exception):
    """Another thread failed first; its error is the one to show."""


class Resting(Protocol):
    """What helpers do between runs (helpers.py)."""

    def reset(self) -> None: ...
    def rest(self, helper: int, line: np.ndarray, jobs: int) -> None: ...
    def call(self, lines: np.ndarray, packs: int) -> list[bool]: ...
    def take_failures(self) -> list[BaseException]: ...


class ThreadPool:
    """``size`` threads, the caller's among them. Kernels release the GIL, so they run side by side.

    The caller may be interrupted between any two of its lines, by Ctrl-C say. So a run is known here until all helpers
    have ended it, and the next use begins by waiting for that.
    """

    def __init__(self, size: int, resting: Resting | None = None) -> None:
        """``resting`` is what helpers do between their jobs; None where they sleep."""
        self.size, self._resting = size, resting
        self.lock = threading.Lock()
        """For those who share a pool and what it works on."""
        self._start()
        _pools.add(self)

    def _start(self) -> None:
        self._unended: _Run | None = None
        self.lines = np.zeros((self.size - 1, LINE), np.int64)
        """Of each helper, for compiled code (stand_by.py)."""
        self._jobs: Jobs = [SimpleQueue() for _ in range(self.size - 1)]
        self._end = weakref.finalize(self, _dismiss, self._jobs)
        if self._resting is not None:
            self._resting.reset()
        for helper, (jobs, line) in enumerate(zip(self._jobs, self.lines, strict=True)):
            rest = partial(self._resting.rest, helper, line) if self._resting is not None else None
            thread = threading.Thread(target=_serve, args=(jobs, rest), daemon=True, name="nbcnn")
            try:
                thread.start()
            except RuntimeError:
                self._end()
                raise NbcnnError(
                    f"{self.size} threads were asked for, and the system starts no more of them (ulimit -u, a "
                    "container's limit); use fewer: --threads 1 (in YAML train.threads)"
                ) from None
        self._forked = False

    def forked(self) -> None:
        """Be ready in a child process, which has none of the helpers, nor whoever may have held the lock."""
        self._end.detach()
        self.lock, self._forked, self._unended = threading.Lock(), True, None

    def run(
        self,
        workers: int,
        work: Callable[[int], None],
        failed: Job | None = None,
        at_once: bool = False,
        packs: int = 0,
    ) -> None:
        """Call ``work(worker)`` in each of the first ``workers`` threads; number 0 is the caller's, which always works.

        The first error of any thread is raised here, after all have stopped; ``failed`` is called at once, perhaps more
        than once, so that those who wait for that thread can stop: by AbandonedError. ``at_once``: nobody begins before
        all are there. ``packs``: how many there are, where helpers that stand by may take them instead.
        """
        self.settle()
        if self._forked:
            self._start()
        helpers = workers - 1
        run = _Run(work, failed, workers if at_once else 0)
        failures: list[BaseException] = []
        try:
            self._unended = run
            called = self._resting.call(self.lines[:helpers], packs) if self._resting and packs else [False] * helpers
            given = [helper for helper, came in enumerate(called) if not came]
            for helper in given:
                self._give(helper, partial(run.help, helper + 1))
            try:
                run.serve(0)
            except BaseException as error:
                run.fail()
                failures.append(error)
            self._await(helpers)
            for helper, came in enumerate(called):
                if came and self.lines[helper, STATE] in (CALLED, IN_PYTHON):
                    self._give(helper, partial(run.done.put, None))  # comes after what it does
                    given.append(helper)
            failures += [failure for _ in given if (failure := self._result(run)) is not None]
            failures += self._resting.take_failures() if self._resting else []
            self._unended = None
        except BaseException:  # the caller was interrupted here
            self.settle()
            raise
        if not failures:
            return
        first = min(failures, key=lambda failure: isinstance(failure, AbandonedError))
        try:
            raise first
        finally:  # an error that its own traceback leads to would keep all that is on the way, until somebody collects
            del first, failures

    def settle(self) -> None:
        """End a run that was interrupted: it fails, and every helper is waited for.

        Whoever is interrupted here leaves that to the next use. Call it before touching what helpers work on.
        """
        if self._unended is None:
            return
        self._unended.fail()
        idle: SimpleQueue[None] = SimpleQueue()
        for helper in range(len(self._jobs)):
            self._give(helper, partial(idle.put, None))  # comes after the job of the run, if there is one
        for _ in self._jobs:
            idle.get()
        if self._resting is not None:
            self._resting.take_failures()
        self._unended = None

    def _give(self, helper: int, job: Job) -> None:
        self.lines[helper, GIVEN] += 1  # who stands by sees this and leaves
        self._jobs[helper].put(job)

    def _await(self, helpers: int) -> None:
        """Wait for the helpers awake, for a while: to be woken up takes 50 µs.

        Until they rest, not until they are done: they have Python's lock in between, and for who asks for it then
        waking up takes as long.
        """
        if self._resting is not None and helpers:
            wait_for_rest(self.lines, helpers, SPINS)

    def _result(self, run: _Run) -> BaseException | None:
        """The next helper's failure or None."""
        return run.done.get()

    def close(self) -> None:
        """Let the threads end; so they do when nobody has the pool any more."""
        if self._unended is not None:
            self._unended.fail()
        self._end()


class _Run:
    """One call of ThreadPool.run; ``done`` is what the helpers say when they have ended: an error or None.

    ``together`` is how many begin at once, 0 where nobody waits. There are no locks: one that an interrupt leaves taken
    would never be free again.
    """

    def __init__(self, work: Callable[[int], None], failed: Job | None, together: int) -> None:
        self.done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._work, self._failed, self._together = work, failed, together
        self._over, self._here = False, list[int]()

    def help(self, worker: int) -> None:
        """A helper's job."""
        try:
            self.serve(worker)
        except BaseException as error:
            self.done.put(error)
        else:
            self.done.put(None)

    def serve(self, worker: int) -> None:
        """Work, unless somebody has failed."""
        try:
            self._wait_for_all(worker)
            if not self._over:
                self._work(worker)
        except BaseException:
            self.fail()
            raise

    def fail(self) -> None:
        """Nobody begins any more, and those who wait for another stop."""
        self._over = True
        if self._failed is not None:
            self._failed()

    def _wait_for_all(self, worker: int) -> None:
        self._here.append(worker)
        while len(self._here) < self._together:
            if self._over:
                raise AbandonedError
            time.sleep(0)


def _serve(jobs: SimpleQueue[Job | None], rest: Callable[[int], None] | None) -> None:
    """A helper's life. It knows nothing of its pool, which could not be forgotten otherwise."""
    done = 0
    while (job := jobs.get()) is not None:
        job()
        del job
        done += 1
        if rest is not None:
            try:
                rest(done)
            except Exception:  # no memory, say: it saves time alone, and a dead helper would be waited for
                rest = None


def _forked() -> None:
    for pool in list(_pools):
        pool.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _dismiss(queues: Jobs) -> None:
    for jobs in queues:
        jobs.put(None)
