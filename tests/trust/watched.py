"""Trainings in a process of their own, watched after each epoch: what test_long_run.py runs, and judges.

    PYTHONPATH=tests python -m trust.watched '{"what": "epochs", "source": ..., "options": {...}, "leaks": []}'

prints one JSON object. ``leaks`` plants some, so that each check can be seen to find its own.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np

import nbcnn
import nbcnn.training.loop
from nbcnn.compiler.jit import cache_folder

MEASURES = ("bytes", "files", "threads", "tasks", "objects", "blocks", "cached")
"""Memory of its own; open files; threads of Python and of the process; objects that Python's collector knows; blocks of
Python's allocator, where an array's head is one; files in the cache of kernels."""


def own_memory() -> int:
    """Bytes that this process has written, in memory or in swap.

    Not the pages of files that it has mapped, libraries above all: a system in need of memory drops those and reads
    them again, some MB at a time, which is no leak.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * sum(int(kilobytes) for kilobytes in re.findall(r"^(?:RssAnon|VmSwap):\s*(\d+) kB$", status, re.M))


def allocator_gives_back() -> None:
    """The C library returns what it holds free: a picture's 6 MB stay with it or not, as small blocks happen to lie."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def measured() -> list[int]:
    """All MEASURES, now, without what is only waiting to be collected."""
    gc.collect()
    allocator_gives_back()
    folder = cache_folder()
    return [
        own_memory(),
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        len(os.listdir("/proc/self/task")),
        len(gc.get_objects()),
        sys.getallocatedblocks(),
        len(os.listdir(folder)) if folder else 0,
    ]


class Leaks:
    """What leaks look like: with every ``plant`` each kind in ``kinds`` loses a little."""

    def __init__(self, kinds: list[str]) -> None:
        self.kinds, self.kept, self.memory, self.numbers = kinds, [], bytearray(), []

    def plant(self, folder: Path, network: Any) -> None:
        """One epoch's leaks."""
        for kind in self.kinds:
            getattr(self, f"_{kind}")(folder, network)

    def _memory(self, folder: Path, network: Any) -> None:
        self.memory.extend(os.urandom(1) * 2**20)

    def _files(self, folder: Path, network: Any) -> None:
        os.open(os.devnull, os.O_RDONLY)

    def _threads(self, folder: Path, network: Any) -> None:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

    def _objects(self, folder: Path, network: Any) -> None:
        self.kept += [[] for _ in range(20)]  # more than the record of an epoch is

    def _arrays(self, folder: Path, network: Any) -> None:
        self.kept += [np.float64(k) for k in range(20)]  # NumPy numbers: no objects that the collector knows

    def _cache(self, folder: Path, network: Any) -> None:
        cache = cache_folder()
        assert cache is not None
        (cache / f"leak-{time.monotonic_ns()}").touch()

    def _folder(self, folder: Path, network: Any) -> None:
        (folder / f"leak-{time.monotonic_ns()}").touch()

    def _gap(self, folder: Path, network: Any) -> None:
        second_line_goes(folder / "metrics.jsonl")

    def _csv(self, folder: Path, network: Any) -> None:
        second_line_goes(folder / "metrics.csv")

    def _figures(self, folder: Path, network: Any) -> None:
        from matplotlib.figure import Figure

        self.kept.append(Figure())

    def _networks(self, folder: Path, network: Any) -> None:
        self.kept.append(network)


def second_line_goes(path: Path) -> None:
    """Of three; as if it had never been written."""
    lines = path.read_text().splitlines(keepends=True)
    if len(lines) == 3:
        path.write_text(lines[0] + lines[2])


class Watch(nbcnn.training.reporter.Reporter):
    """Measures after each epoch, into an array that was there before."""

    def __init__(self, epochs: int, leaks: Leaks) -> None:
        self.rows, self.done, self.most, self.leaks = np.zeros((epochs, len(MEASURES)), np.int64), 0, 0, leaks
        self.names: set[tuple[str, ...]] = set()

    def start(self, run: Any, network: Any, data: Any, threads: int) -> None:
        self.folder, self.threads = run.folder, threads
        self.alive = [weakref.ref(thing) for thing in (network, network.parameters, data, data.train.images)]
        gc.collect()
        gc.freeze()  # what is there by now need not be looked through after each epoch

    def step(self, images: int, loss: float, accuracy: float) -> None:
        if not self.most:
            self.most = own_memory()

    def epoch_done(self, record: Any) -> None:
        self.leaks.plant(self.folder, self.alive[0]())
        self.rows[self.done] = measured()
        self.names.add(tuple(sorted(path.name for path in self.folder.iterdir())))
        self.done += 1


def settled(before: list[int], patience: float = 10) -> list[int]:
    """Measures after threads have had time to end."""
    gc.unfreeze()
    until = time.monotonic() + patience
    while (now := measured())[3] > before[3] and time.monotonic() < until:
        time.sleep(0.01)
    return now


def figures() -> int:
    """matplotlib's figures that somebody holds."""
    module = sys.modules.get("matplotlib.figure")
    return sum(isinstance(thing, module.Figure) for thing in gc.get_objects()) if module else 0


def epochs(source: Any, options: dict[str, Any], leaks: list[str]) -> dict[str, Any]:
    """One long training: a row of measures for each epoch, and what is left when it is over."""
    before = measured()
    watch = Watch(options["epochs"], Leaks(leaks))
    run = nbcnn.train(source, reporter=watch, **options)
    return {
        "rows": watch.rows.tolist(),
        "done": watch.done,
        "helpers": watch.threads,
        "names": sorted(watch.names),
        "jsonl": [json.loads(line) for line in run.metrics_jsonl.read_text().splitlines()],
        "csv": run.metrics_csv.read_text(),
        "before": before,
        "after": settled(before, patience=10 if not leaks else 1),
        "alive": sum(there() is not None for there in watch.alive),
        "figures": figures(),
    }


def trainings(sources: list[Any], options: dict[str, Any], leaks: list[str], out: str, pictures: int) -> dict[str, Any]:
    """Trainings one after the other: a row of measures after each, when all that it made was dropped.

    One in ``pictures`` has its pictures drawn, which takes longer than the training.
    """
    before, planted, alive, most = measured(), Leaks(leaks), 0, []
    rows = np.zeros((len(sources), len(MEASURES)), np.int64)
    draw, watch = nbcnn.training.loop.draw_run, None
    for number, source in enumerate(sources):
        nbcnn.training.loop.draw_run = draw if number % pictures == 0 else lambda *_: None
        watch = Watch(options["epochs"], Leaks([]))
        run = nbcnn.train(source, reporter=watch, out=f"{out}/{number}", **options)
        planted.plant(run.folder, watch.alive[0]() or nbcnn.load(run.folder))
        nbcnn.evaluate(run.folder)
        rows[number] = settled(before)
        most.append(watch.most)
        alive += sum(there() is not None for there in watch.alive)
    return {"rows": rows.tolist(), "most": most, "before": before, "alive": alive, "figures": figures()}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps({"epochs": epochs, "trainings": trainings}[given.pop("what")](**given)))
