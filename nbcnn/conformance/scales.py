"""Check that small numbers keep their precision beside ones a million times as large, where no sum joins them.

What a backend computes together, two images, two groups or two output channels for instance, may round together: then
an error that is small beside one is large beside the other. What the formula keeps apart has to stay apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nbcnn.conformance.error_bounds import compare, mismatch
from nbcnn.conformance.formatting import described
from nbcnn.conformance.grid import Case
from nbcnn.conformance.inputs import cast, rounded
from nbcnn.conformance.oracle import bounds, expect
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import Array, Arrays
from nbcnn.kernels.contract import Backend, WeightedKernels

CHECK = "scales"
APART = 2.0**20
"""A power of two: what is multiplied by it is still a float32 number."""
HINT = "are they rounded together?"


def check_scales(backend: Backend, problem: Any, tolerance: float, report: Report) -> None:
    """Every other image, channel, group and kernel in turn is scaled; results against the oracle's."""
    case = Case(problem)
    try:
        rig = KernelRunner(backend, problem)
        for what, inputs in _scaled(problem):
            expected = expect(problem, inputs)
            limits = bounds(problem, inputs, expected, False, tolerance)
            out = rig.run(cast(problem, inputs)).out
            for name, wanted in expected.values.items():
                verdict = compare(out[name], wanted, limits[name])
                report.note_worst(CHECK, verdict.worst)
                if verdict.right:
                    report.ok(CHECK)
                    continue
                sentence = f"with {what} 10⁶ apart {mismatch(name, out[name], wanted, verdict.wrong)}"
                report.fail(CHECK, sentence, described(case), name, HINT)
    except BrokenError as error:
        report.fail(CHECK, str(error), described(case))


def _scaled(problem: Any) -> Iterator[tuple[str, Arrays]]:
    """The name of the scaled part, and the inputs."""
    plain = rounded(problem, 11)

    def times(**factors: tuple[Array, int]) -> Arrays:
        """Arrays times factors along an axis."""
        found = dict(plain)
        for name, (factor, axis) in factors.items():
            shape = [1] * plain[name].ndim
            shape[axis] = -1
            found[name] = plain[name] * factor.reshape(shape)
        return found

    def deinterleave(name: str, axis: int) -> tuple[Array, int]:
        return np.where(np.arange(plain[name].shape[axis]) % 2, APART, 1), axis

    yield "images", times(x=deinterleave("x", -1), dy=deinterleave("dy", -1))
    yield "input channels", times(x=deinterleave("x", 0))
    yield "output channels", times(dy=deinterleave("dy", 0))
    if problem.kernels is not WeightedKernels:
        return
    yield "kernels of output channels", times(w=deinterleave("w", 0))
    yield "kernels of input channels", times(w=deinterleave("w", 1))
    groups = getattr(problem, "groups", 1)
    if groups > 1:
        of_x, of_y = (np.arange(n) * groups // n % 2 for n in (problem.in_channels, problem.out_channels))
        yield "groups", times(x=(np.where(of_x, APART, 1), 0), dy=(np.where(of_y, APART, 1), 0))
