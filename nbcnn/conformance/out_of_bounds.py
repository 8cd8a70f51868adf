"""Check for indices out of bounds: part of the grid in a child process with NUMBA_BOUNDSCHECK=1.

The process compiles everything for itself, into a folder of its own beside the usual one, because code in a cache was
compiled without these checks. It runs before the other checks: a backend that leaves its arrays, or never comes back,
goes no further.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nbcnn.compiler.kernel_cache import cache_folder
from nbcnn.conformance import one_image
from nbcnn.conformance.checks import takes
from nbcnn.conformance.formatting import described
from nbcnn.conformance.grid import grid, of_dtype
from nbcnn.conformance.inputs import cast, rounded
from nbcnn.conformance.isolation import Line, Pair, Say, apart, plugins_of
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.kernels import registry
from nbcnn.util import activity

CHECK = "out of bounds"
EVERY = 29
"""The child's part of the grid."""


def check_bounds(
    reports: Sequence[Report], seed: int, seconds: float, tell: Callable[[str, int, int], None] = lambda *_: None
) -> list[Report]:
    """Write into the reports what the process finds; gives those that may be checked further, here.

    ``seconds`` is how long one call may take; ``tell`` is called before each problem.
    """
    with indices_checked() as own:
        for line in apart(__name__, _of_files(reports), {"seed": seed}, own, seconds):
            if "progress" in line:
                op, name = line["pair"]
                tell(f"{CHECK}, {op}={name}", *line["progress"])
            elif "pair" in line:
                _note(next(r for r in reports if (r.op, r.name) == line["pair"]), line)
    return [report for report in reports if not _failed(report)]


@contextmanager
def indices_checked() -> Iterator[dict[str, str]]:
    """The environment of a process whose kernels check every index."""
    kept = cache_folder()
    with tempfile.TemporaryDirectory(prefix="nbcnn-boundscheck-") as folder:
        nbcnn = kept.parent / "boundscheck" if kept else folder
        yield {"NUMBA_BOUNDSCHECK": "1", "NBCNN_CACHE_DIR": str(nbcnn), "NUMBA_CACHE_DIR": folder}


def _of_files(reports: Sequence[Report]) -> list[Report]:
    """Those that another process can have too."""
    built_in = str(Path(__file__).parent.parent) + os.sep
    plugged = [pair for pairs in plugins_of(reports).values() for pair in pairs]
    known = [r for r in reports if (r.op, r.name) in plugged or r.file.startswith(built_in)]
    for report in reports:
        if report not in known:
            report.notes.append(f"{CHECK}: left out, only what a file registers can be run in another process")
    return known


def _note(report: Report, line: Line) -> None:
    if "failure" in line:
        check = "contract" if line.get("hint") else CHECK
        report.fail(check, line["failure"], line["problem"], hint=line.get("hint", ""))
    elif line.get("done"):
        report.ok(CHECK, line["passed"])
        report.tally(CHECK).seconds += line["seconds"]


def _failed(report: Report) -> bool:
    """Whether a backend left its arrays in the other process, or never came back; here it could end the program."""
    failed = [check for check, tally in report.tallies.items() if tally.failed]
    if not failed:
        return False
    report.notes.append(f"all other checks were left out until `{failed[0]}` passes: they could end the program")
    return True


def work(pairs: list[Pair], task: Line, say: Say) -> None:
    """The work of the child process."""
    for pair in pairs:
        _run(pair, task["seed"], say)


def _run(pair: Pair, seed: int, say: Say) -> None:
    since, passed = time.perf_counter(), 0
    activity.tell(pair=pair, now="supports", problem="", recursion="")
    backend = registry.backend(*pair)
    accepted = [case for case in grid(pair[0]).cases if takes(backend, case.problem)]
    part = accepted[:: max(1, min(EVERY, len(accepted) // 8))]
    for number, case in enumerate(of_dtype(case, "float32") for case in part):
        say(pair=pair, progress=[number, len(part)])
        try:
            inputs = cast(case.problem, rounded(case.problem, (seed, number)))
            KernelRunner(backend, case.problem).run(inputs)
            if found := one_image.of(backend, case.problem):
                one_image.run(found, case.problem, one_image.alone(inputs, 0))
            passed += 1
        except BrokenError as error:
            say(pair=pair, failure=str(error), problem=described(case))
    activity.tell(now="")
    say(pair=pair, done=True, passed=passed, seconds=time.perf_counter() - since)
