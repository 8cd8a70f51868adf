"""All checks of backends in this process: every case on every backend, then checks of a few problems each."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from nbcnn.compiler.host import compiler
from nbcnn.conformance.formatting import described
from nbcnn.conformance.grid import Case, grid, of_dtype
from nbcnn.conformance.jacobian import check_jacobian
from nbcnn.conformance.long_sums import check_long_sums
from nbcnn.conformance.nonfinite import check_nonfinite
from nbcnn.conformance.one_image import CHECK as ONE_IMAGE
from nbcnn.conformance.options import Options
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.scales import CHECK as SCALES
from nbcnn.conformance.scales import check_scales
from nbcnn.conformance.signatures import calls, shape
from nbcnn.conformance.threads import check_threads
from nbcnn.conformance.training_step import check_network
from nbcnn.conformance.values import Sample, check_case, samples
from nbcnn.errors import KernelError
from nbcnn.kernels import registry
from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.op import Op
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.ops import op as definition
from nbcnn.util import activity
from nbcnn.util.blas import one_blas_thread

LOOSE = 1e-2
"""A largest error below this share of the stated tolerance is worth a note."""
Progress = Callable[[str, int, int], None]


def check_here(reports: Sequence[Report], options: Options, tell: Progress) -> None:
    """All checks but that of bounds, in this process."""
    with one_blas_thread(), np.errstate(all="ignore"):
        for op in dict.fromkeys(report.op for report in reports):
            of_op = [report for report in reports if report.op == op]
            taken = _check_grid(op, of_op, options, tell)
            for number, report in enumerate(of_op):
                tell(f"threads and more, {op}={report.name}", number, len(of_op))
                activity.tell(pair=(op, report.name))
                _check_more(report, taken[report.name], options)


def report_of(op: str, name: str) -> Report:
    """An empty report of a backend; raises KernelError for an unknown one, or an op that can't be checked."""
    backend = registry.backend(op, name)
    if op not in OPS:
        raise KernelError(
            f"{op} can't be checked: nothing says what it computes (of these ops it is known: {', '.join(OPS)}); "
            f'register its definition: @register.op("{op}")'
        )
    return Report(op, name, inspect.getfile(type(backend)))


def _check_grid(op: str, reports: Sequence[Report], options: Options, tell: Progress) -> dict[str, list[Any]]:
    """Every case on every backend; gives the problems that each one takes."""
    found = grid(op, options.quick)
    cases = [of_dtype(case, dtype) for case in found.cases for dtype in options.dtypes]
    spent = {report.name: 0.0 for report in reports}
    taken: dict[str, list[Any]] = {report.name: [] for report in reports}
    made: list[Sample] = []
    for number, case in enumerate(cases):
        if number % len(options.dtypes) == 0:
            made = samples(case, (options.seed, number))
        for report in reports:
            if spent[report.name] > options.patience:
                continue
            since = time.perf_counter()
            if _check_one(report, case, made):
                taken[report.name].append(case.problem)
            spent[report.name] += time.perf_counter() - since
            if spent[report.name] > options.patience:
                report.fail(
                    "contract",
                    f"it is too slow: {number + 1:,} of {len(cases):,} problems took {spent[report.name]:.1f} s, "
                    "the rest was left out",
                    hint="is something compiled anew for every problem?",
                )
        tell(op, number + 1, len(cases))
    for report in reports:
        report.left_out = found.left_out
    return taken


def _check_one(report: Report, case: Case, made: list[Sample]) -> bool:
    """One case on one backend, if it takes it."""
    activity.tell(pair=(report.op, report.name), check="contract")
    if not accepted(report, case):
        return False
    report.problems += 1
    try:
        rig = KernelRunner(registry.backend(report.op, report.name), case.problem)
        tolerance = stated(report, case)
    except BrokenError as error:
        report.fail("contract", str(error), described(case))
        return True
    report.tolerance = max(report.tolerance, tolerance)
    check_case(rig, case, made, tolerance, report)
    return True


def stated(report: Report, case: Case) -> float:
    """A backend's tolerance; raises BrokenError for one that can't be meant."""
    activity.tell(now="tolerance")
    try:
        tolerance = registry.tolerance(case.problem, report.name)
    except Exception as error:
        raise BrokenError(f"tolerance() raised {type(error).__name__}: {error}") from error
    if not 0 <= tolerance <= registry.MOST_ERROR:
        raise BrokenError(f"tolerance() must be a share between 0 and {registry.MOST_ERROR}, got {tolerance:.3g}")
    return tolerance


def _check_more(report: Report, taken: list[Any], options: Options) -> None:
    """Checks on a few problems: those made for it, or the smallest (largest) that the backend takes."""
    backend, op = registry.backend(report.op, report.name), definition(report.op)

    def some(wanted: list[Any], dtype: str, count: int, large: bool = False) -> list[Any]:
        """Those of the wanted problems that the backend takes; if there are none, of those that it took."""
        able = [p for p in (replace(one, dtype=dtype) for one in wanted) if takes(backend, p)]
        if not able:
            able = sorted((p for p in taken if p.dtype == dtype), key=weight, reverse=large)
        return able[:count]

    _note_looseness(report)
    if not report.sound:
        report.notes.append(_left_out(op, report.name, backend))
        return
    if report.tolerance == 0 and compiler()["compiled"]:
        check_long_sums(backend, [problem for problem in op.long_sums() if takes(backend, problem)], report)
    with report.timed("jacobian"):
        for problem in some(op.tiny(), "float64", 8):
            check_jacobian(backend, problem, report)
    if has_sums(op):
        with report.timed(SCALES):
            for dtype in options.dtypes:
                for problem in some(op.tiny(), dtype, 8):
                    check_scales(backend, problem, stated(report, Case(problem)), report)
    with report.timed("not a number"):
        for dtype in options.dtypes:
            for problem in some(op.tiny(), dtype, 8):
                check_nonfinite(backend, problem, report.tolerance == 0, report)
    with report.timed("threads"):
        for problem in some(op.busy(), options.dtypes[0], 2, large=True):
            check_threads(backend, problem, options.threads, report)
    if taken and op.layers(report.name):
        with report.timed("network"):
            check_network(report.op, report.name, report)


def _left_out(op: Op, name: str, backend: Any) -> str:
    one = [ONE_IMAGE] if hasattr(backend, "single") else []
    weighted, scales = ["adjoint"] * (op.problem.kernels is WeightedKernels), [SCALES] * has_sums(op)
    trained = ["network"] * bool(op.layers(name))
    later = ["repeats", *one, *weighted, "jacobian", *scales, "not a number", "threads", *trained]
    return f"left out until `contract` passes: {', '.join(later[:-1])} and {later[-1]}; they would blame other causes"


def has_sums(op: Op) -> bool:
    """Whether an op is sums of products, whose rounding is known."""
    return any(op.terms(case.problem) is not None for case in op.cases())


def _note_looseness(report: Report) -> None:
    """A bound far above all errors would let mistakes through."""
    met = max(report.tally(check).worst or 0.0 for check in ("whole numbers", "rounding"))
    if report.tolerance and 0 < met < LOOSE:
        report.notes.append(
            f"the stated tolerance is {1 / met:,.0f} times the largest error met: mistakes may hide in it"
        )


def takes(backend: Any, problem: Any) -> bool:
    """Whether a backend says that it can do a problem."""
    activity.tell(now="supports")
    try:
        return backend.supports(problem) is None
    except Exception:
        return False  # reported where the grid is checked


def weight(problem: Any) -> int:
    """How large a problem is: its numbers."""
    return sum(prod(shape(problem, name)) for call in calls(problem) for name in (*call.reads, *call.writes))


def accepted(report: Report, case: Case) -> bool:
    """Whether the backend takes a problem; if not, its refusal, or what is wrong with that, is written down."""
    if activity.is_watched():
        activity.tell(now="supports", problem=described(case), recursion="")
    try:
        reason: Any = registry.backend(report.op, report.name).supports(case.problem)
    except Exception as error:
        report.fail("refusals", f"supports() raised {type(error).__name__}: {error}", described(case))
        return False
    if reason is None:
        return True
    wrong = wrong_reason(reason)
    if wrong:
        report.fail("refusals", wrong, described(case))
        return False
    report.refuse(reason)
    report.ok("refusals")
    return False


def wrong_reason(reason: object) -> str:
    """The error of a refusal, if any: it has to be a sentence that names the number."""
    if not isinstance(reason, str):
        return f"supports() must return None or a reason, got {reason!r}"
    if len(reason.split()) < 2 or not any(letter.isdigit() for letter in reason):
        return f"supports() must say in a sentence which number it can't do, got {reason!r}"
    return ""
