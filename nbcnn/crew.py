"""Threads that share out numbered pieces of work."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue

import numpy as np

from nbcnn.errors import NbcnnError

LOOKS = 400
"""How often to look for a result before sleeping until it is there: some 200 µs."""


def available_threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_crews: weakref.WeakSet[Crew] = weakref.WeakSet()


class AbandonedError(Exception):
    """Another thread failed first; its error is the one to show."""


class Crew:
    """``size`` threads, the caller's among them. Kernels release the GIL, so they run side by side."""

    def __init__(self, size: int, linger: Callable[[], None] | None = None) -> None:
        """``linger`` is called by a helper after each job, and may wait for the next one to be near."""
        self.size, self._linger = size, linger
        self.lock = threading.Lock()
        """For those who share a crew and what it works on."""
        self._start()
        _crews.add(self)

    def _start(self) -> None:
        self._jobs: list[SimpleQueue[Callable[[], None] | None]] = [SimpleQueue() for _ in range(self.size - 1)]
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        for jobs in self._jobs:
            thread = threading.Thread(target=_serve, args=(jobs, self._done, self._linger), daemon=True, name="nbcnn")
            try:
                thread.start()
            except RuntimeError:
                _dismiss(self._jobs)
                raise NbcnnError(
                    f"{self.size} threads were asked for, and the system starts no more of them (ulimit -u, a "
                    "container's limit); use fewer: --threads 1 (in YAML train.threads)"
                ) from None
        self._end = weakref.finalize(self, _dismiss, self._jobs)
        self._forked = False

    def forked(self) -> None:
        """Be ready in a child process, which has none of the helpers, nor whoever may have held the lock."""
        self._end.detach()
        self.lock, self._forked = threading.Lock(), True

    def run(self, pieces: int, work: Callable[[int, int], None], failed: Callable[[], None] | None = None) -> None:
        """Call ``work(worker, piece)`` for every piece, each worker one piece at a time, in order of number.

        The first error of any thread is raised here, after all have stopped; ``failed`` is called at once, so that
        those who wait for that piece can stop: by AbandonedError.
        """
        numbers = count()

        def serve(worker: int) -> None:
            try:
                while (piece := next(numbers)) < pieces:
                    work(worker, piece)
            except BaseException:
                if failed is not None:
                    failed()
                raise

        if self._forked:
            self._start()
        helpers = min(self.size, pieces) - 1
        for worker in range(helpers):
            self._jobs[worker].put(lambda worker=worker: serve(worker + 1))  # type: ignore[misc]
        failures: list[BaseException] = []
        try:
            serve(0)
        except BaseException as error:
            failures.append(error)
        failures += [failure for _ in range(helpers) if (failure := self._result()) is not None]
        for failure in sorted(failures, key=lambda failure: isinstance(failure, AbandonedError)):
            raise failure

    def _result(self) -> BaseException | None:
        """The next helper's failure or None; it is nearly there, and to be woken up takes longer than to look again."""
        from nbcnn.kernels.turns import linger

        nothing = np.zeros(1, np.int64)
        for _ in range(LOOKS):
            if not self._done.empty():
                break
            linger(nothing, 0, 500)  # lets go of Python's lock for half a microsecond: time.sleep(0) takes 60
        return self._done.get()

    def close(self) -> None:
        """Let the threads end; so they do when nobody has the crew any more."""
        self._end()


def _serve(
    jobs: SimpleQueue[Callable[[], None] | None],
    done: SimpleQueue[BaseException | None],
    linger: Callable[[], None] | None,
) -> None:
    """A helper's life. It knows nothing of its crew, which could not be forgotten otherwise."""
    while (job := jobs.get()) is not None:
        try:
            job()
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)
        del job
        if linger is not None:
            linger()


def _forked() -> None:
    for crew in list(_crews):
        crew.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _dismiss(queues: list[SimpleQueue[Callable[[], None] | None]]) -> None:
    for jobs in queues:
        jobs.put(None)
