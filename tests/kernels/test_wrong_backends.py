"""What the comparison with the oracle is worth: backends with a fault each must not pass it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from nbcnn.kernels.contract import LANES, Conv2dProblem, WeightedKernels
from nbcnn.kernels.conv2d.naive import Naive

from .cases import CONV2D
from .conformance import check, draw, integers


def _bias_ignored(k: WeightedKernels) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, work: k.forward(x, w, 0 * b, y, work))


def _flipped(k: WeightedKernels) -> WeightedKernels:
    return k._replace(
        forward=lambda x, w, b, y, work: k.forward(x, np.ascontiguousarray(w[:, :, ::-1, ::-1]), b, y, work)
    )


def _off_by_one(k: WeightedKernels) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, work: k.forward(np.roll(x, 1, axis=2), w, b, y, work))


def _images_exchanged(k: WeightedKernels) -> WeightedKernels:
    return k._replace(forward=lambda x, w, b, y, work: k.forward(np.roll(x, 1, axis=3), w, b, y, work))


def _not_flipped_back(k: WeightedKernels) -> WeightedKernels:
    return k._replace(
        grad_input=lambda dy, w, dx, work: k.grad_input(dy, np.ascontiguousarray(w[:, :, ::-1, ::-1]), dx, work)
    )


def _one_image_left_out(k: WeightedKernels) -> WeightedKernels:
    def grad_weight(x: Any, dy: Any, dw: Any, db: Any, work: Any) -> None:
        k.grad_weight(np.where(np.arange(LANES) < LANES - 1, x, 0 * x), dy, dw, db, work)

    return k._replace(grad_weight=grad_weight)


def _bias_gradient_forgotten(k: WeightedKernels) -> WeightedKernels:
    return k._replace(grad_weight=lambda x, dy, dw, db, work: k.grad_weight(x, dy, dw, np.empty_like(db), work))


def _last_column_unwritten(k: WeightedKernels) -> WeightedKernels:
    def forward(x: Any, w: Any, b: Any, y: Any, work: Any) -> None:
        before = y[:, :, -1].copy()
        k.forward(x, w, b, y, work)
        y[:, :, -1] = before

    return k._replace(forward=forward)


def _adds_instead_of_writing(k: WeightedKernels) -> WeightedKernels:
    def grad_input(dy: Any, w: Any, dx: Any, work: Any) -> None:
        before = dx.copy()
        k.grad_input(dy, w, dx, work)
        dx += before

    return k._replace(grad_input=grad_input)


def _writes_behind_its_scratch(k: WeightedKernels) -> WeightedKernels:
    def forward(x: Any, w: Any, b: Any, y: Any, work: Any) -> None:
        k.forward(x, w, b, y, work)
        np.lib.stride_tricks.as_strided(work, (work.size + 1,))[-1] = 0

    return k._replace(forward=forward)


def _writes_before_its_output(k: WeightedKernels) -> WeightedKernels:
    def grad_input(dy: Any, w: Any, dx: Any, work: Any) -> None:
        k.grad_input(dy, w, dx, work)
        base = dx.base
        base[(dx.ctypes.data - base.ctypes.data) // base.itemsize - 1] = 0

    return k._replace(grad_input=grad_input)


def _uses_its_input_as_scratch(k: WeightedKernels) -> WeightedKernels:
    def grad_weight(x: Any, dy: Any, dw: Any, db: Any, work: Any) -> None:
        k.grad_weight(x, dy, dw, db, work)
        dy *= 2

    return k._replace(grad_weight=grad_weight)


def _never_twice_the_same(k: WeightedKernels) -> WeightedKernels:
    calls = count()

    def forward(x: Any, w: Any, b: Any, y: Any, work: Any) -> None:
        k.forward(x, w, b, y, work)
        y += next(calls)

    return k._replace(forward=forward)


def _half_precision(k: WeightedKernels) -> WeightedKernels:
    def forward(x: Any, w: Any, b: Any, y: Any, work: Any) -> None:
        k.forward(x, w, b, y, work)
        y[...] = y.astype("float16").astype(y.dtype) * (1 + 2**-10)

    return k._replace(forward=forward)


FAULTS: dict[str, tuple[Callable[[WeightedKernels], WeightedKernels], str]] = {
    "bias ignored": (_bias_ignored, "y"),
    "flipped kernel": (_flipped, "y"),
    "off by one": (_off_by_one, "y"),
    "images exchanged": (_images_exchanged, "y"),
    "kernel not flipped back": (_not_flipped_back, "dx"),
    "one image left out": (_one_image_left_out, "dw"),
    "bias gradient forgotten": (_bias_gradient_forgotten, "db is not written"),
    "last column unwritten": (_last_column_unwritten, "y is not written"),
    "adds instead of writing": (_adds_instead_of_writing, "dx is not written"),
    "writes behind its scratch": (_writes_behind_its_scratch, "written after work"),
    "writes before its output": (_writes_before_its_output, "written before dx"),
    "uses its input as scratch": (_uses_its_input_as_scratch, "the input dy was changed"),
    "never twice the same": (_never_twice_the_same, "y is not the same the second time"),
    "half precision": (_half_precision, "y"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("tolerance", [0.0, 1e-5])
def test_a_wrong_backend_is_caught(fault: str, tolerance: float) -> None:
    spoil, words = FAULTS[fault]

    class Wrong(Naive):
        def workspace(self, problem: Conv2dProblem) -> int:
            return 1

        def build(self, problem: Conv2dProblem) -> WeightedKernels:
            return spoil(super().build(problem))

    problem = CONV2D["stride and padding"]
    inputs = draw(problem, integers(1, "float32"))
    check(Naive(), problem, inputs, tolerance)
    with pytest.raises(AssertionError, match=words):
        check(Wrong(), problem, inputs, tolerance)
