"""Threads that are jolted: they take packs and end them in an order of chance, as those of a busy machine do."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nbcnn.engine.batch import Batch
from nbcnn.engine.worker import Worker

LONGEST = 0.0008
"""Seconds: more than a small network's pack takes."""


class Jolts:
    """``workers`` are, of each batch and each number of packs, how many workers took one.

    ``threads`` is how many there are; in batches that are late, none takes a second pack before all have one.
    """

    def __init__(self) -> None:
        self.workers: list[tuple[int, int]] = []
        self.threads = 1
        self.random = random.Random(0)

    def pause(self) -> None:
        time.sleep(self.random.random() * LONGEST)

    def most(self) -> int:
        """How many workers shared a batch, of the batch where they were most."""
        return max((workers for workers, _ in self.workers), default=0)


@contextmanager
def jolted() -> Iterator[Jolts]:
    """While inside, workers begin late, by chance; and in every other batch they take and end packs late, too.

    For that such a batch is played as one with a backend that is called from Python.
    """
    jolts, batches = Jolts(), [0]
    run, begin, take, alone = Worker.run, Batch.begin, Batch.take, Worker.calls_alone

    def begin_counted(batch, order, weight):  # type: ignore[no-untyped-def]
        begin(batch, order, weight)
        batches[0] += 1
        batch.slow = batches[0] % 2 == 0
        batch.all_have_one = threading.Barrier(min(jolts.threads, batch.packs))
        batch.who_has_one = set()
        jolts.workers.append((0, batch.packs))

    def take_late(batch, stage):  # type: ignore[no-untyped-def]
        number = take(batch, stage)
        if getattr(batch, "slow", False):
            if threading.get_ident() not in batch.who_has_one:
                batch.who_has_one.add(threading.get_ident())
                batch.all_have_one.wait(60)
            jolts.pause()
        return number

    def run_late(worker, wanted):  # type: ignore[no-untyped-def]
        lists, (batch, _) = [stage.list for stage in worker.stages(wanted)], worker._given[wanted]
        native, worker.buffers.place[0] = [call_list.native for call_list in lists], -1
        jolts.pause()
        for call_list in lists:
            call_list.native = call_list.native and not getattr(batch, "slow", False)
        try:
            run(worker, wanted)
        finally:
            for call_list, was in zip(lists, native, strict=True):
                call_list.native = was
        if worker.buffers.place[0] >= 0 and jolts.workers:
            number, packs = jolts.workers[-1]
            jolts.workers[-1] = number + 1, packs

    def never_alone_where_late(worker, mode):  # type: ignore[no-untyped-def]
        return None if getattr(worker._given[mode][0], "slow", False) else alone(worker, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "calls_alone", never_alone_where_late)
        patch.setattr(Batch, "begin", begin_counted)
        patch.setattr(Batch, "take", take_late)
        patch.setattr(Worker, "run", run_late)
        yield jolts
