"""The conformance suite's parts (nbcnn/conformance) for tests of single problems: what is wrong is an AssertionError."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.conformance.inputs import Draw, draw, integers, normal
from nbcnn.conformance.runner import KernelRunner
from nbcnn.conformance.signatures import Arrays
from nbcnn.kernels.contract import Backend
from nbcnn.kernels.ops import op
from nbcnn.kernels.oracle import images, pack

__all__ = ["Arrays", "Draw", "check", "draw", "images", "integers", "normal", "oracle", "pack", "run"]


def run(backend: Backend, problem: Any, inputs: Arrays) -> Arrays:
    """What the kernels write; after checks of all that holds whatever the numbers are."""
    assert backend.supports(problem) is None
    rig = KernelRunner(backend, problem)
    # Backwards, in scratch that holds the leftovers of another kernel: none may count on what it finds there.
    first, second = rig.run(inputs), rig.run(inputs, backwards=True)
    strange = [sentence for sentence, _ in first.unwritten().values()]
    for sentence in (*first.breaches, *first.notes, *strange, *second.breaches):
        raise AssertionError(sentence)
    for name, array in first.out.items():
        assert array.tobytes() == second.out[name].tobytes(), f"{name} is not the same the second time"
    return first.out


def check(backend: Backend, problem: Any, inputs: Arrays, tolerance: float = 0.0) -> None:
    """Hold a backend against the oracle; ``tolerance`` is relative to the largest number of an output."""
    got, wanted = run(backend, problem, inputs), oracle(problem, inputs)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        assert got[name].dtype == problem.dtype
        if tolerance:
            error = np.abs(got[name] - array).max() / np.abs(array).max()
            assert error <= tolerance, f"{name} is wrong by {error:.2g} of its largest number"
        else:
            np.testing.assert_array_equal(got[name], array, err_msg=name)


def oracle(problem: Any, inputs: Arrays) -> Arrays:
    """Every output by definition, in float64."""
    return op(problem.op).oracle(problem, inputs)
