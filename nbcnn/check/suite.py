"""The whole suite: cases outside, backends inside, so that data and oracle are made once for all."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nbcnn.blas import one_blas_thread
from nbcnn.check.grid import Case, grid, of_dtype
from nbcnn.check.oracle import ORACLES
from nbcnn.check.report import Report
from nbcnn.check.rig import BrokenError, Rig
from nbcnn.check.values import Sample, check_case, samples
from nbcnn.check.words import described
from nbcnn.errors import KernelError
from nbcnn.kernels import registry

DTYPES = ("float32", "float64")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Options:
    """How much is checked, and with which numbers."""

    quick: bool = False
    seed: int = 0
    threads: int = 4
    dtypes: tuple[str, ...] = DTYPES
    patience: float = 300.0
    """seconds for one backend's grid"""


def check_backend(op: str, name: str, options: Options | None = None, progress: Progress | None = None) -> Report:
    """Hold one backend against everything that the contract promises; raises KernelError for an unknown one."""
    return check_backends([(op, name)], options, progress)[0]


def check_backends(
    which: Iterable[tuple[str, str]], options: Options | None = None, progress: Progress | None = None
) -> list[Report]:
    """The same for several, as pairs of op and name; ``progress(op, done, of)`` is called as cases are done."""
    options, tell = options or Options(), progress or (lambda what, done, of: None)
    reports = [_report(op, name) for op, name in which]
    with one_blas_thread():
        for op in dict.fromkeys(report.op for report in reports):
            _check_op(op, [report for report in reports if report.op == op], options, tell)
    return reports


def _report(op: str, name: str) -> Report:
    backend = registry.backend(op, name)
    if op not in ORACLES:
        raise KernelError(f"{op} can't be checked: nbcnn.check has no oracle for it (it has: {', '.join(ORACLES)})")
    return Report(op, name, inspect.getfile(type(backend)))


def _check_op(op: str, reports: Sequence[Report], options: Options, tell: Progress) -> None:
    cases = [of_dtype(case, dtype) for case in grid(op, options.quick).cases for dtype in options.dtypes]
    spent = dict.fromkeys((report.name for report in reports), 0.0)
    made: list[Sample] = []
    for number, case in enumerate(cases):
        if number % len(options.dtypes) == 0:
            made = samples(case, (options.seed, number))
        for report in reports:
            if spent[report.name] <= options.patience:
                since = time.perf_counter()
                _check_one(report, case, made)
                spent[report.name] += time.perf_counter() - since
                if spent[report.name] > options.patience:
                    report.fail(
                        "contract",
                        f"it is too slow: {number + 1} of {len(cases)} problems took {spent[report.name]:.0f} s, "
                        "the rest was left out",
                        hint="is something compiled anew for every problem?",
                    )
        tell(op, number + 1, len(cases))


def _check_one(report: Report, case: Case, made: list[Sample]) -> None:
    problem = case.problem
    reason = accepted(report, case)
    if reason is not None:
        return
    report.problems += 1
    try:
        rig = Rig(registry.backend(report.op, report.name), problem)
        tolerance = registry.tolerance(problem, report.name)
    except BrokenError as error:
        report.fail("contract", str(error), described(case))
        return
    report.tolerance = max(report.tolerance, tolerance)
    check_case(rig, case, made, tolerance, report)


def accepted(report: Report, case: Case) -> str | None:
    """None if the backend takes a problem; else a word, after its refusal (or what is wrong with that) was noted."""
    try:
        reason: Any = registry.backend(report.op, report.name).supports(case.problem)
    except Exception as error:
        report.fail("refusals", f"supports() raised {type(error).__name__}: {error}", described(case))
        return "raised"
    if reason is None:
        return None
    wrong = wrong_reason(reason)
    if wrong:
        report.fail("refusals", wrong, described(case))
        return "wrong"
    report.refuse(reason)
    report.ok("refusals")
    return "refused"


def wrong_reason(reason: object) -> str:
    """What is wrong with a refusal: it has to be a sentence that names the number."""
    if not isinstance(reason, str):
        return f"supports() must return None or a reason, got {reason!r}"
    if len(reason.split()) < 2 or not any(letter.isdigit() for letter in reason):
        return f"supports() must say in a sentence which number it can't do, got {reason!r}"
    return ""
