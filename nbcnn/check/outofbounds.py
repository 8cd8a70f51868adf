"""Indices out of an array, found by Numba's own checks: a part of the grid in a process with NUMBA_BOUNDSCHECK=1.

The process compiles everything for itself, into a folder of its own beside the usual one, because code in a cache was
compiled without these checks. It runs before the other checks. If a kernel takes it down, that is told, and another
process goes on with the rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbcnn.check import one_image
from nbcnn.check.grid import grid, of_dtype
from nbcnn.check.report import Report
from nbcnn.check.rig import BrokenError, Rig
from nbcnn.check.words import described
from nbcnn.kernels.store import cache_folder

CHECK = "out of bounds"
EVERY = 29
"""The child's part of the grid."""
Line = dict[str, Any]


class Child:
    """The process, started at once; ``collect`` waits for it and writes its results into the reports."""

    def __init__(self, reports: Sequence[Report], seed: int) -> None:
        from nbcnn.plugins import loaded_plugins

        self._reports, self._seed = reports, seed
        wanted = {(report.op, report.name) for report in reports}
        self._plugins = {
            plugin.name if plugin.package else str(plugin.file): plugin.backends
            for plugin in loaded_plugins()
            if wanted.intersection(plugin.backends)
        }
        built_in = str(Path(__file__).parent.parent) + os.sep
        plugged = [pair for pairs in self._plugins.values() for pair in pairs]
        known = [r for r in reports if (r.op, r.name) in plugged or r.file.startswith(built_in)]
        for report in reports:
            if report not in known:
                report.notes.append(f"{CHECK}: left out, only what a file registers can be run in another process")
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        self._lines: list[Line] = []
        self._problem = ""
        self._thread = threading.Thread(target=self._work, args=(known,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process; nobody waits for it any more."""
        self._stopped = True
        if self._process:
            self._process.kill()
        self._thread.join()

    def collect(self) -> None:
        """Wait, and write down what it found."""
        self._thread.join()
        if self._problem:
            raise RuntimeError(self._problem)
        for line in self._lines:
            report = next(r for r in self._reports if [r.op, r.name] == line["pair"])
            if "failure" in line:
                report.fail(CHECK, line["failure"], line["problem"], hint=line.get("hint", ""))
            else:
                report.ok(CHECK, line["passed"])
                report.tally(CHECK).seconds += line["seconds"]

    def _work(self, reports: list[Report]) -> None:
        """Run processes until one has come to the end; Numba's own cache, which a plugin may use, goes with them."""
        with tempfile.TemporaryDirectory(prefix="nbcnn-check-") as folder:
            self._run_all([[report.op, report.name] for report in reports], folder)

    def _run_all(self, left: list[list[str]], folder: str) -> None:
        complaints = Path(folder) / "stderr"
        while left and not self._stopped:
            under_way: Line = {}
            done: list[list[str]] = []
            process = self._process = self._start(left, folder, complaints)
            for text in process.stdout or ():
                if not text.startswith("{"):
                    continue  # what a plugin prints
                line = json.loads(text)
                if "begins" in line:
                    under_way = line if len(line) > 1 else {}
                    continue
                self._lines.append(line)
                if "passed" in line:
                    done.append(line["pair"])
            code = process.wait()
            process.communicate()
            left = [pair for pair in left if pair not in done]
            if code == 0 or not left or self._stopped:
                return
            if "plugin" in under_way:
                lost = [list(pair) for pair in self._plugins.pop(under_way["plugin"])]
                sentence = f"its process ended with {_ending(code)} while the plugin was loaded"
                self._lines += [{"pair": pair, "failure": sentence, "problem": ""} for pair in lost if pair in left]
                left = [pair for pair in left if pair not in lost]
                continue
            if not under_way:
                self._problem = (
                    f"the process for {CHECK} ended with {code}: {' '.join(complaints.read_text().splitlines()[-1:])}"
                )
                return
            sentence = f"its process ended with {_ending(code)}: it reads or writes far out of its arrays"
            self._lines.append({"pair": under_way["pair"], "failure": sentence, "problem": under_way["begins"]})
            left = [pair for pair in left if pair != under_way["pair"]]

    def _start(self, pairs: list[list[str]], folder: str, complaints: Path) -> subprocess.Popen[str]:
        kept = cache_folder()
        nbcnn = kept.parent / "boundscheck" if kept else Path(folder)
        own = {"NUMBA_BOUNDSCHECK": "1", "NBCNN_CACHE_DIR": str(nbcnn), "NUMBA_CACHE_DIR": folder}
        paths = os.pathsep.join(path for path in sys.path if path)
        with complaints.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", "from nbcnn.check.outofbounds import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **own, "PYTHONPATH": paths},
            )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"plugins": list(self._plugins), "pairs": pairs, "seed": self._seed}) + "\n")
        process.stdin.flush()
        return process


def _ending(code: int) -> str:
    import signal

    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def main() -> None:
    """The child: reads what to do, prints a JSON line for each result."""
    from nbcnn.blas import one_blas_thread
    from nbcnn.plugins import load_plugin

    task = json.loads(sys.stdin.readline())
    for plugin in task["plugins"]:
        _print({"plugin": plugin, "begins": ""})
        load_plugin(plugin)
    _print({"begins": ""})
    with one_blas_thread():
        for pair in task["pairs"]:
            _run(pair, task["seed"])


def _run(pair: list[str], seed: int) -> None:
    from nbcnn.check.data import cast, rounded
    from nbcnn.kernels import registry

    since, passed = time.perf_counter(), 0
    backend = registry.backend(*pair)
    accepted = [case for case in grid(pair[0]).cases if backend.supports(case.problem) is None]
    part = accepted[:: max(1, min(EVERY, len(accepted) // 8))]
    for number, case in enumerate(of_dtype(case, "float32") for case in part):
        _print({"pair": pair, "begins": described(case)})
        try:
            inputs = cast(case.problem, rounded(case.problem, (seed, number)))
            Rig(backend, case.problem).run(inputs)
            if found := one_image.of(backend, case.problem):
                one_image.run(found, case.problem, one_image.alone(inputs, 0))
            passed += 1
        except BrokenError as error:
            _print({"pair": pair, "failure": str(error), "problem": described(case)})
    _print({"pair": pair, "passed": passed, "seconds": time.perf_counter() - since})


def _print(line: Line) -> None:
    print(json.dumps(line), flush=True)
