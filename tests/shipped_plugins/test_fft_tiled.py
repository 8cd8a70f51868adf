"""FFT in small frames: the frames that are chosen, seams between tiles, error bounds, and all that the contract promises."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize
from plain_python import SLOWLY

from nbcnn import functional
from nbcnn.conformance import Options, check_backend
from nbcnn.conformance.oracle import expect
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend, cost
from shipped_plugins.conftest import module_of
from shipped_plugins.trials import KINDS, adjoint, inputs, poison, run, shares

NAME = "fft_tiled"
PROBLEMS = {
    "tiles in both directions": Conv2dProblem(2, 3, 21, 19, (3, 4), padding=(1, 1, 2, 1)),
    "stride": Conv2dProblem(2, 3, 23, 18, (3, 3), (2, 3), (1, 0, 2, 1)),
    "stride wider than the kernel": Conv2dProblem(1, 2, 17, 20, (2, 1), (3, 5)),
    "dilation": Conv2dProblem(2, 1, 22, 17, (2, 3), padding=(1, 1, 1, 1), dilation=(3, 2)),
    "groups, stride, dilation": Conv2dProblem(4, 6, 15, 17, (2, 2), (2, 1), (1, 2, 0, 1), (2, 3), 2),
    "padding wider than the kernel": Conv2dProblem(1, 1, 9, 9, (2, 2), padding=(4, 3, 5, 6)),
    "one row": Conv2dProblem(1, 2, 1, 40, (1, 5)),
}
CASES = ["tiles in both directions", "stride", "groups, stride, dilation"] if SLOWLY else list(PROBLEMS)
FRAMES = [(8, 8), (8, 16)] if SLOWLY else [(8, 8), (8, 16), (32, 8), (64, 64)]


def module() -> Any:
    return module_of("fft_tiled")


@exhaustive
@pytest.mark.jit
def test_the_contract() -> None:
    report = check_backend("conv2d", NAME, Options(quick=True, bounds=False))
    assert report.failed == 0, report.failures
    assert report.problems > 0 and not report.refused


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_every_frame_gives_the_same(case: str, frame: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the frame, tiles join without a seam."""
    problem = replace(PROBLEMS[case], dtype="float64")
    monkeypatch.setattr(module(), "best_frame", lambda problem: frame)
    given = inputs(problem, KINDS["normal"](1))
    expected, kernels = expect(problem, given).values, backend("conv2d", NAME).build(problem)
    scratch = np.full(backend("conv2d", NAME).workspace(problem), np.nan)
    x, dy, w, b = (given[key] for key in ("x", "dy", "w", "b"))
    y, dx, dw, db = (np.full_like(array, np.nan) for array in (dy, x, w, b))
    kernels.forward(x, w, b, y, scratch)
    kernels.grad_input(dy, w, dx, scratch)
    kernels.grad_weight(x, dy, dw, db, scratch)
    for key, array in {"y": y, "dx": dx, "dw": dw, "db": db}.items():
        np.testing.assert_allclose(array, expected[key], rtol=0, atol=1e-12, err_msg=key)


def test_frames_are_as_the_work_asks() -> None:
    best = module().best_frame
    square = Conv2dProblem(8, 8, 64, 64, (5, 5), padding=(2, 2, 2, 2))
    assert best(square) == (16, 16)
    assert best(replace(square, kernel_size=(9, 9))) == (32, 32)
    assert best(replace(square, kernel_size=(1, 9)))[0] < best(replace(square, kernel_size=(9, 9)))[0]
    assert best(Conv2dProblem(1, 1, 1, 1, (1, 1))) == (1, 1)
    small = module().kept(square, (16, 16))
    assert small == ((12, 12), (12, 12))
    assert module().kept(replace(square, stride=(2, 3), dilation=(2, 1)), (16, 16)) == ((4, 4), (8, 12))


def test_less_work_than_one_large_frame() -> None:
    large = Conv2dProblem(8, 8, 128, 128, (7, 7), padding=(3, 3, 3, 3))
    for whole, tiled in zip(cost(large, "fft"), cost(large, NAME), strict=True):
        assert tiled.macs < whole.macs / 3


def test_cost_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of 8×8 keep 4×4 pixels under a 5×5 kernel: 4 tiles of an output of 8×8."""
    monkeypatch.setattr(module(), "best_frame", lambda problem: (8, 8))
    transform, product = 4 * (4 + 5) * 12, 4 * 8 * 5
    forward = cost(Conv2dProblem(1, 1, 12, 12, (5, 5)), NAME).forward
    assert forward.macs == 4 * (LANES * (2 * transform + product) + transform)


@parametrize("kind", KINDS, quick=[next(iter(KINDS))])
def test_errors_keep_to_the_tolerance(kind: str, dtype: str) -> None:
    shapes = [PROBLEMS[case] for case in CASES]
    shapes += [] if SLOWLY else [Conv2dProblem(8, 4, 64, 64, (9, 9), padding=(4, 4, 4, 4))]
    for problem in (replace(shape, dtype=dtype) for shape in shapes):
        found = shares(NAME, problem, inputs(problem, KINDS[kind](5)))
        assert max(found.values()) < 0.5 and max(found.values()) > 0, found


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_adjoint(case: str) -> None:
    adjoint(NAME, PROBLEMS[case])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_does_not_vanish(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module(), "best_frame", lambda problem: (4, 4))
    poison(NAME, Conv2dProblem(1, 2, 4, 3, (3, 2), padding=(1, 0, 1, 1)), value)


def test_the_functions_take_its_name() -> None:
    random = np.random.default_rng(6)
    x, w = random.standard_normal((3, 2, 9, 8)), random.standard_normal((4, 2, 3, 2))
    tiled = functional.conv2d(x, w, stride=2, padding=1, backend=NAME)
    np.testing.assert_allclose(tiled, functional.conv2d(x, w, stride=2, padding=1), rtol=0, atol=1e-13)


def test_runs_are_the_same_to_the_bit() -> None:
    problem = PROBLEMS["tiles in both directions"]
    given = inputs(problem, KINDS["normal"](7))
    first, second = run(NAME, problem, given), run(NAME, problem, given)
    assert all(first[key].tobytes() == second[key].tobytes() for key in first)
