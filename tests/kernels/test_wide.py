"""Wide layers: the kernels of _wide.py and _wide_grad_weight.py have the bits of ``naive``, and keep to their scratch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize

from kernels.conformance import draw, normal, run
from nbcnn.kernels.conv2d import _wide_sizes
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend

PROBLEMS = {
    "3x3": Conv2dProblem(33, 40, 7, 5, (3, 3), padding=(1, 1, 1, 1)),
    "stride 2, its phases of several sizes": Conv2dProblem(20, 34, 9, 8, (3, 3), (2, 2), (1, 1, 1, 1)),
    "more than a block of terms": Conv2dProblem(260, 20, 3, 4, (3, 3), padding=(1, 0, 2, 1)),
    "dilation, stride, even kernel": Conv2dProblem(17, 19, 6, 7, (3, 2), (2, 3), (1, 2, 0, 1), (2, 2)),
    "dilation as large as the stride": Conv2dProblem(18, 17, 7, 7, (3, 3), (2, 2), (3, 3, 3, 3), (2, 2)),
    "groups": Conv2dProblem(34, 36, 6, 5, (3, 3), padding=(1, 1, 1, 1), groups=2),
    "1x1": Conv2dProblem(37, 150, 5, 5, (1, 1)),
    "1x1 with stride, rows without taps": Conv2dProblem(160, 30, 5, 3, (1, 1), (2, 2)),
    "more pixels than are taken at a time": Conv2dProblem(3, 5, 15, 13, (3, 3), padding=(1, 1, 1, 1)),
    "more channels than are under way": Conv2dProblem(2, 150, 3, 3, (2, 2)),
    "one pixel, all but one tap outside": Conv2dProblem(16, 16, 1, 1, (3, 3), padding=(1, 1, 1, 1)),
    "16 kernels of 5x5": Conv2dProblem(16, 16, 6, 6, (5, 5), padding=(2, 2, 2, 2)),
}
QUICK = ("dilation, stride, even kernel",)


@pytest.fixture
def all_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer counts as wide, in every direction."""
    monkeypatch.setattr(_wide_sizes, "CHANNELS", 1)
    monkeypatch.setattr(_wide_sizes, "STRIPS", 2)
    monkeypatch.setattr(_wide_sizes, "FEW_PIXELS", 0)
    monkeypatch.setattr(_wide_sizes, "LONG_ROW", 99)
    for name in ("MANY", "MANY_BACKWARD"):
        monkeypatch.setattr(_wide_sizes, name, {})


@parametrize("case", PROBLEMS, quick=QUICK)
@pytest.mark.usefixtures("all_wide")
@pytest.mark.jit
def test_the_bits_of_naive(case: str, dtype: str) -> None:
    problem = replace(PROBLEMS[case], dtype=dtype)
    inputs = draw(problem, normal(3, dtype))
    kernels = backend("conv2d", "direct").build(problem)
    assert "_wide" in kernels.forward.kernel.__module__ and "_wide" in kernels.grad_weight.kernel.__module__
    wide, plain = (run(backend("conv2d", name), problem, inputs) for name in ("direct", "naive"))
    for key in plain:
        np.testing.assert_array_equal(wide[key], plain[key], err_msg=key)


@exhaustive
@pytest.mark.usefixtures("all_wide")
def test_plain_python() -> None:
    """A problem that is small enough to be run without compilation."""
    problem = Conv2dProblem(2, 3, 4, 3, (3, 2), (2, 1), (1, 1, 0, 1), dtype="float64")
    inputs = draw(problem, normal(4, "float64"))
    wide, plain = (run(backend("conv2d", name), problem, inputs) for name in ("direct", "naive"))
    for key in plain:
        np.testing.assert_array_equal(wide[key], plain[key], err_msg=key)


def _is_wide(*numbers: Any, **more: Any) -> tuple[bool, bool]:
    problem = Conv2dProblem(*numbers, **more)
    return _wide_sizes.is_wide(problem), _wide_sizes.is_wide_backward(problem)


def test_which_layers_are_wide() -> None:
    same: dict[str, Any] = {"padding": (1, 1, 1, 1)}
    assert _is_wide(1, 6, 28, 28, (5, 5), padding=(2, 2, 2, 2)) == _is_wide(6, 16, 14, 14, (5, 5)) == (False, False)
    room = _wide_sizes._room("float32")
    assert _is_wide(64, 64, 28, 28, (3, 3), **same) == {32: (False, True), 16: (False, False)}.get(room, (True, True))
    assert _is_wide(256, 256, 14, 14, (3, 3), **same) == {16: (False, True)}.get(room, (True, True))
    assert _is_wide(64, 64, 14, 14, (3, 3), (2, 2), **same) == (True, True)  # a stride: no row is taken at once
    assert _is_wide(256, 256, 14, 14, (5, 5)) == ((False, False) if room in (16, 32) else (True, True))
    assert _is_wide(64, 64, 28, 28, (3, 3), groups=64, **same) == (False, False)
    assert _is_wide(64, 64, 28, 28, (1, 1)) == (False, True)
    assert _is_wide(512, 512, 14, 14, (1, 1)) == (True, True)
    assert _is_wide(256, 256, 14, 14, (1, 1)) == (False, True)
    assert _wide_sizes.is_wide(Conv2dProblem(256, 256, 14, 14, (1, 1)), of_x=True)
    assert not _is_wide(256, 64, 40, 40, (3, 3), **same)[1]  # 1600 terms, which are blocks
    assert _is_wide(512, 512, 7, 7, (3, 3), **same)[1] == (room not in (16, 32))
