"""Accuracy check of long sums, in backends that promise the formula's sums.

A plugin's file may sum plainly, as the formula reads; its report then has a note.

Some ten thousand equal numbers are summed. A single accumulator rounds each of them alike there, and so drifts away,
where on random numbers its errors would mostly cancel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.conformance import one_image
from nbcnn.conformance.error_bounds import compare, mismatch
from nbcnn.conformance.formatting import described, figure
from nbcnn.conformance.grid import Case
from nbcnn.conformance.inputs import cast, draw
from nbcnn.conformance.oracle import bounds, expect
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import Arrays
from nbcnn.kernels.contract import Backend
from nbcnn.kernels.ops import op
from nbcnn.lanes.block_sums import BLOCK

CHECK = "rounding"
HINT = (
    f"one accumulator of more than {BLOCK:,} terms drifts away; nbcnn/lanes/block_sums.py cuts a sum into blocks, "
    "each of which has one of its own"
)
NOTE = "no failure: long sums round more than nbcnn's own do, as sums in the formula's plain order may:"
NUMBER = float(np.float32(0.8444816))
"""The worst number for a single accumulator of float32: 8,192 of it are off by 1,962 roundings, of 1,032 allowed."""


def check_long_sums(backend: Backend, problems: list[Any], report: Report) -> None:
    """All of these problems; of a backend that a plugin's file registered there are notes."""
    from nbcnn.plugins import loaded_plugins

    of_plugin = any((report.op, report.name) in plugin.backends for plugin in loaded_plugins())
    with report.timed(CHECK):
        for problem in problems:
            check_long(backend, problem, report, strict=not of_plugin)


def check_long(backend: Backend, problem: Any, report: Report, strict: bool) -> None:
    """Results on equal numbers, within the bound of sums in blocks; not ``strict``, a note says where they are not."""
    inputs = _equal(problem)
    expected = expect(problem, inputs)
    limits = bounds(problem, inputs, expected, whole=False, tolerance=0)
    try:
        rig = KernelRunner(backend, problem)
        ran = rig.run(cast(problem, inputs))
        one_image.check(backend, problem, cast(problem, inputs), ran.out, report, described(Case(problem)))
    except BrokenError as error:
        report.fail(CHECK, str(error), described(Case(problem)))
        return
    for name, wanted in expected.values.items():
        verdict = compare(ran.out[name], wanted, limits[name])
        if strict or verdict.right:
            report.note_worst(CHECK, verdict.worst)
        if verdict.right:
            report.ok(CHECK)
            continue
        where = described(Case(problem))
        if strict:
            report.fail(CHECK, mismatch(name, ran.out[name], wanted, verdict.wrong), where, name, HINT)
        elif not any(note.startswith(NOTE) for note in report.notes):
            first = tuple(np.argwhere(verdict.wrong)[0])
            got = ran.out[name][first]
            numbers = f"{figure(got)} in {name} is exactly {figure(got.dtype.type(wanted[first]))}"
            report.notes.append(f"{NOTE} {numbers}, for {where}; {HINT}")


def _equal(problem: Any) -> Arrays:
    """NUMBER everywhere, with weights of 1 and no bias; of scores it is the exponential of all but the largest."""
    if (own := op(problem.op).equal(problem, NUMBER)) is not None:
        return own
    arrays = draw(problem, lambda *shape: np.full(shape, NUMBER))
    for name, number in (("w", 1.0), ("b", 0.0)):
        if name in arrays:
            arrays[name][...] = number
    return arrays
