"""Checks of plugins' backends in a child process, where a kernel may hang, crash or print."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from nbcnn.conformance.checks import check_here, report_of
from nbcnn.conformance.isolation import Line, Pair, Say, apart, plugins_of
from nbcnn.conformance.options import Options
from nbcnn.conformance.report import Report
from nbcnn.util import activity
from nbcnn.util.formatting import counted

EVERY = 0.2
"""Seconds between two reports of progress."""


def check_plugins(
    reports: Sequence[Report], options: Options, seconds: float, tell: Callable[[str, int, int], None]
) -> list[Report]:
    """Write into the reports of plugins' backends what such a process finds; gives the others."""
    plugged = [pair for pairs in plugins_of(reports).values() for pair in pairs]
    apart_ones = [report for report in reports if (report.op, report.name) in plugged]
    for line in apart(__name__, apart_ones, {"options": asdict(options)}, {}, seconds):
        if "progress" in line:
            tell(*line["progress"])
        elif "pair" in line:
            _note(next(r for r in reports if (r.op, r.name) == line["pair"]), line)
    return [report for report in reports if (report.op, report.name) not in plugged]


def _note(report: Report, line: Line) -> None:
    if "failure" in line:
        report.fail(line["check"], line["failure"], line["problem"], hint=line.get("hint", ""))
        report.notes.append("what it passed before, and all checks after that, were left out: the process was lost")
    elif "printed" in line:
        many = counted(line["printed"], "line")
        report.notes.append(
            f"it prints: {many} while it was checked, the first: {line['first']}; take that out before a training, "
            "where it prints at every step"
        )
    elif line.get("done"):
        report.take(line["report"])


def work(pairs: list[Pair], task: Line, say: Say) -> None:
    """The work of the child process."""
    last = 0.0

    def tell(phase: str, done: int, of: int) -> None:
        nonlocal last
        if time.monotonic() - last > EVERY:
            say(progress=[phase, done, of])
            last = time.monotonic()

    options = Options(**{**task["options"], "dtypes": tuple(task["options"]["dtypes"])})
    for op in dict.fromkeys(op for op, _ in pairs):
        reports = [report_of(*pair) for pair in pairs if pair[0] == op]
        check_here(reports, options, tell)
        activity.tell(now="")
        for report in reports:
            say(pair=(report.op, report.name), done=True, report=report.as_told())
