"""Checks of one backend on one case: values, elements written, repeatable bits, adjointness."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.conformance import diagnosis, one_image
from nbcnn.conformance.error_bounds import compare, mismatch
from nbcnn.conformance.failure_patterns import features
from nbcnn.conformance.formatting import described, figure
from nbcnn.conformance.grid import Case
from nbcnn.conformance.inputs import cast, rounded, whole
from nbcnn.conformance.oracle import Expected, bounds, expect
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner, Ran
from nbcnn.conformance.signatures import Array, Arrays
from nbcnn.kernels.contract import WeightedKernels
from nbcnn.kernels.ops import op


class Sample(NamedTuple):
    """Inputs of a case in float64 and their expected results; ``whole`` ones may have to be exact."""

    inputs: Arrays
    expected: Expected
    whole: bool


def samples(case: Case, seed: Any) -> list[Sample]:
    """Whole numbers, where the op is made of sums, and normally distributed ones; the same for all backends."""
    made = []
    for is_whole in (True, False) if op(case.problem.op).terms(case.problem) else (False,):
        inputs = (whole if is_whole else rounded)(case.problem, seed)
        if not case.bias:
            inputs["b"] = np.zeros_like(inputs["b"])
        made.append(Sample(inputs, expect(case.problem, inputs), is_whole))
    return made


def check_case(rig: KernelRunner, case: Case, made: list[Sample], tolerance: float, report: Report) -> None:
    """Everything that holds for every problem."""
    for sample in made:
        check = "whole numbers" if sample.whole else "rounding"
        inputs = cast(case.problem, sample.inputs)
        limits = bounds(case.problem, sample.inputs, sample.expected, sample.whole, tolerance)
        try:
            with report.timed(check):
                ran = rig.run(inputs)
                _contract(rig, case, inputs, ran, sample.expected.values, limits, report)
                if not ran.breaches:
                    _values(check, rig, case, inputs, ran, sample.expected.values, limits, report)
            if not sample.whole and report.sound:
                with report.timed("repeats"):
                    _repeats(rig, case, inputs, ran, report)
                with report.timed(one_image.CHECK):
                    one_image.check(rig.backend, case.problem, inputs, ran.out, report, described(case))
                if case.problem.dtype == "float64" and case.problem.kernels is WeightedKernels:
                    with report.timed("adjoint"):
                        _adjoint(case, sample.inputs, ran.out, limits, report)
        except BrokenError as error:
            report.fail("contract", str(error), described(case))
            return


def _contract(
    rig: KernelRunner, case: Case, inputs: Arrays, ran: Ran, values: Arrays, limits: dict[str, Any], report: Report
) -> None:
    """Elements that a run left unwritten, and writes elsewhere."""
    missing = ran.unwritten()
    for sentence in (*ran.breaches, *ran.notes):
        report.fail("contract", sentence, described(case), array=sentence)
    for name, (sentence, where) in missing.items():
        hint = ""
        if report.wants("contract", name):
            hint = diagnosis.unwritten(rig, inputs, name, where, values[name], limits[name])
        report.fail("contract", sentence, described(case), name, hint)
    report.ok("contract", len(ran.out) - len(missing) + (not ran.breaches) + (not ran.notes))


def _values(
    check: str,
    rig: KernelRunner,
    case: Case,
    inputs: Arrays,
    ran: Ran,
    values: Arrays,
    limits: dict[str, Any],
    report: Report,
) -> None:
    """Results against the oracle's."""
    strange = ran.unwritten()
    for name, wanted in values.items():
        got = ran.out[name]
        if name in strange:
            continue  # said already
        verdict = compare(got, wanted, limits[name])
        report.seen.setdefault((check, name), []).append((features(case), verdict.right))
        report.note_worst(check, verdict.worst)
        if verdict.right:
            report.ok(check)
            continue
        hint = ""
        if report.wants(check, name):
            hint = diagnosis.cause(rig, inputs, name, got, wanted, limits[name])
        report.fail(check, mismatch(name, got, wanted, verdict.wrong), described(case), name, hint)


def _repeats(rig: KernelRunner, case: Case, inputs: Arrays, ran: Ran, report: Report) -> None:
    """Check of equal bits in a second run: kernels in reverse order, other numbers in scratch and outputs before."""
    again, strange = rig.run(inputs, backwards=True, fill=_garbage), ran.unwritten()
    for name, first in ran.out.items():
        second = again.out[name]
        if name in strange:
            continue
        if first.tobytes() == second.tobytes():
            report.ok("repeats")
            continue
        hint = ""
        if report.wants("repeats", name):
            third = rig.run(inputs).out[name]
            depends = third.tobytes() == first.tobytes()
            hint = (
                "with clean scratch and outputs it repeats: it depends on what scratch or output held before"
                if depends
                else "it differs from run to run: a race or uninitialised scratch?"
            )
        differs = first != second
        report.fail("repeats", told_differs(name, first, second, differs), described(case), name, hint)


def told_differs(name: str, first: Array, second: Array, differs: Array) -> str:
    """``y differs in 3 of 240 numbers from one run to the next, …``."""
    if not differs.any():
        return f"{name} differs from one run to the next in its bits alone (a sign of zero, or NaN)"
    index = tuple(np.argwhere(differs)[0])
    return (
        f"{name} differs in {int(differs.sum()):,} of {differs.size:,} numbers from one run to the next: "
        f"{figure(first[index])}, then {figure(second[index])}"
    )


def _garbage(name: str, array: Array) -> None:
    array[...] = 7 if array.dtype.kind == "i" else -1e6


def _adjoint(case: Case, inputs: Arrays, out: Arrays, limits: dict[str, Any], report: Report) -> None:
    """The forward kernel without its bias is linear in x and in w; dx and dw have to be its adjoints."""
    bias = inputs["b"].reshape(-1, *[1] * (out["y"].ndim - 1))
    forward = float(((out["y"] - bias) * inputs["dy"]).sum())
    # What rounding can do to either side, and once more for the two sums.
    margin = float((np.abs(inputs["dy"]) * limits["y"]).sum()) + 1e-13 * float(np.abs(out["y"] * inputs["dy"]).sum())
    for source, gradient, words in (("x", "dx", "⟨conv(x), dy⟩ = ⟨x, dx⟩"), ("w", "dw", "⟨conv(x), dy⟩ = ⟨w, dw⟩")):
        backward = float((inputs[source] * out[gradient]).sum())
        bound = margin + float((np.abs(inputs[source]) * limits[gradient]).sum())
        bound += 1e-13 * float(np.abs(inputs[source] * out[gradient]).sum())
        if abs(forward - backward) <= bound:
            report.ok("adjoint", worst=abs(forward - backward) / bound if bound else 0.0)
        else:
            sentence = f"{words} does not hold: {figure(forward)} and {figure(backward)}"
            report.fail("adjoint", sentence, described(case), gradient)
