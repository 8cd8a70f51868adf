"""Startup time (process start to the first training step) and peak memory of a training, in child processes.

Peak memory is VmHWM: the other figure that systems keep, ru_maxrss, begins on Linux with that of the parent, which has
all libraries loaded.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nbcnn.autotune.sampler import Samples
from nbcnn.bench.peers.base import Child, Peer, Task
from nbcnn.bench.results import Tell, silent
from nbcnn.bench.rows import OWN, Row
from nbcnn.errors import PeerError

IMAGES = 60_000
"""Images that the process holds, as many as Fashion-MNIST has for training."""

TRAINED = 10_000
"""Images at most that it trains on: the peak is reached after a step, and a wide network's epoch takes minutes."""


class Beginning(NamedTuple):
    """Seconds until the first step was done; peak memory in MB, None where the system has no such figure."""

    seconds: float
    megabytes: float | None


Runner = Callable[[Child], Beginning]


def first_steps(
    task: Task,
    source: Mapping[str, Any],
    peers: Mapping[str, Peer],
    rounds: int,
    tell: Tell = silent,
    run: Runner | None = None,
    measures: Collection[str] = ("startup", "memory"),
) -> list[Row]:
    """Rows of start-up with a filled and with an empty cache of kernels, and of memory; peers' processes in turn.

    ``source`` is what a process makes the network of: source, sets, backends, plugins. Peers keep no such cache, so
    their figures stand beside both. For memory alone the person's own cache is used: compiling a deep network's kernels
    and choosing backends anew takes minutes.
    """
    run = run or run_child
    cold: Samples = {OWN: []}
    warm: Samples = {OWN: []}
    memory: dict[str, list[float | None]] = {OWN: []}
    others = {name: child for name, peer in peers.items() if (child := peer.child(task, IMAGES)) is not None}
    with tempfile.TemporaryDirectory() as kept:
        tell("start of a process: filling the cache of kernels")
        cache = kept if "startup" in measures else None
        run(_own(task, source, cache, kept))
        for number in range(1, rounds + 1):
            tell(f"start of a process, {number} of {rounds}")
            if "startup" in measures:
                with tempfile.TemporaryDirectory() as empty:
                    cold[OWN].append(run(_own(task, source, empty, kept)).seconds)
            begun = run(_own(task, source, cache, kept))
            warm[OWN].append(begun.seconds)
            memory[OWN].append(begun.megabytes)
            for name, child in others.items():
                begun = run(child)
                for samples in (cold, warm):
                    samples.setdefault(name, []).append(begun.seconds)
                memory.setdefault(name, []).append(begun.megabytes)
    known: Samples = {
        name: [value for value in values if value is not None] for name, values in memory.items() if None not in values
    }
    rows = [
        Row("startup", "first step, kernels in the cache", "s", False, warm),
        Row("startup", "first step, kernels compiled", "s", False, cold),
        Row("memory", "peak memory of a training", "MB", False, known),
    ]
    return [row for row in rows if row.measure in measures and row.samples]


def _own(task: Task, source: Mapping[str, Any], cache: str | None, bytecode: str) -> Child:
    """nbcnn's own process, which finds the same nbcnn wherever it is started and keeps its kernels in ``cache``.

    ``cache`` None: where this process keeps them.

    ``bytecode`` is a folder for Python's, which installed libraries such as the peers have beside their sources, and a
    checkout under PYTHONDONTWRITEBYTECODE=1 would have to make anew: 0.1 s.
    """
    found = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    what = {**source, "threads": task.threads, "images": IMAGES}
    places = {"PYTHONPATH": found, "PYTHONPYCACHEPREFIX": bytecode}
    if cache is not None:
        places["NBCNN_CACHE_DIR"] = cache
    return Child(
        [sys.executable, "-P", "-m", "nbcnn.bench.startup_child"], what, {**places, "PYTHONDONTWRITEBYTECODE": ""}
    )


def run_child(child: Child) -> Beginning:
    """Start the process and read its result; raises PeerError with the last line of its error output."""
    words = json.dumps({**child.task, "trained": TRAINED, "started": time.time()})
    done = subprocess.run(
        child.command, input=words, env={**os.environ, **child.environment}, capture_output=True, text=True, check=False
    )
    try:
        told = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise PeerError(f"the process {' '.join(child.command)} failed: {last}") from None
    return Beginning(float(told["seconds"]), peak_memory(told["status"]))


def peak_memory(status: str) -> float | None:
    """MB of VmHWM in the text of /proc/PID/status."""
    line = re.search(r"^VmHWM:\s*(\d+) kB", status, re.M)
    return int(line[1]) / 1024 if line else None
