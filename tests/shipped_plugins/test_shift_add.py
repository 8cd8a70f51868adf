"""A 1×1 convolution for each tap: where images are moved to, and all that the contract promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive

from nbcnn import functional
from nbcnn.conformance import Options, check_backend
from nbcnn.conformance.oracle import expect
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend, cost
from shipped_plugins.conftest import module_of
from shipped_plugins.trials import KINDS, adjoint, inputs, poison, run

NAME = "shift_add"
STRIDED = Conv2dProblem(4, 6, 5, 7, (2, 3), (2, 1), (1, 0, 2, 1), (2, 1), 2)


def pack(rows: list[list[int]]) -> np.ndarray:
    """An image of one channel, the same in each lane."""
    return np.repeat(np.array(rows, "float32")[None, ..., None], LANES, -1)


@exhaustive
@pytest.mark.jit
def test_the_contract() -> None:
    report = check_backend("conv2d", NAME, Options(quick=True, bounds=False))
    assert report.failed == 0, report.failures
    assert report.problems > 0 and report.tolerance == 0


def test_an_image_is_moved_by_a_tap_and_its_gradient_moved_back() -> None:
    module: Any = module_of(NAME)
    x, moved = pack([[1, 2, 3], [4, 5, 6]]), pack([[0, 0], [0, 0]])
    module.shift(x, moved, (0, 1), (1, 1))
    assert moved[0, :, :, 5].tolist() == [[2, 3], [5, 6]]
    module.shift(x, moved, (-1, -1), (1, 1))
    assert moved[0, :, :, 5].tolist() == [[0, 0], [0, 1]]
    module.shift(x, moved, (1, 0), (2, 2))
    assert moved[0, :, :, 5].tolist() == [[4, 6], [0, 0]]
    module.add_back(pack([[7, 8], [9, 9]]), x, (1, 0), (2, 2))
    assert x[0, :, :, 5].tolist() == [[1, 2, 3], [11, 5, 14]]


def test_every_direction_in_float64() -> None:
    problem = Conv2dProblem(4, 6, 5, 7, (2, 3), (2, 1), (1, 0, 2, 1), (2, 1), 2, dtype="float64")
    given = inputs(problem, KINDS["normal"](1))
    expected = expect(problem, given).values
    for key, array in run(NAME, problem, given).items():
        np.testing.assert_allclose(array, expected[key], rtol=0, atol=1e-12, err_msg=key)


def test_kernels_of_more_taps_than_a_block() -> None:
    """Their sums are as exact as the contract asks: 1300 taps of 0.1 are not 1300 roundings off."""
    problem = Conv2dProblem(1, 1, 26, 50, (26, 50))
    given = inputs(problem, lambda *shape: np.full(shape, 0.1, "float32"))
    exact = 1300 * np.float64(np.float32(0.1)) ** 2 + np.float64(np.float32(0.1))
    got = run(NAME, problem, given)
    np.testing.assert_allclose(got["y"], exact, rtol=2e-5)
    np.testing.assert_allclose(got["dx"], np.float64(np.float32(0.1)) ** 2, rtol=1e-6)


def test_it_takes_everything_in_less_memory_than_im2col() -> None:
    wide = Conv2dProblem(64, 64, 28, 28, (3, 3), padding=(1, 1, 1, 1))
    chosen = backend("conv2d", NAME)
    assert chosen.supports(STRIDED) is None
    assert 2.5 * chosen.workspace(wide) < backend("conv2d", "im2col").workspace(wide)


def test_cost_by_hand() -> None:
    """2×2 taps, 2×2 pixels of y: each tap writes and reads a moved image and a product, and adds the product to y."""
    problem = Conv2dProblem(1, 1, 3, 3, (2, 2))
    assert cost(problem, NAME).forward == (LANES * 16, LANES * 4 * (3 * 4 + 4 * 4) + 4)


def test_gradients_are_adjoint() -> None:
    adjoint(NAME, STRIDED)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_does_not_vanish(value: float) -> None:
    poison(NAME, Conv2dProblem(2, 2, 4, 3, (3, 2), (1, 2), padding=(1, 0, 1, 1)), value)


def test_the_functions_take_its_name() -> None:
    random = np.random.default_rng(6)
    x, w = random.standard_normal((3, 2, 9, 8)), random.standard_normal((4, 1, 3, 2))
    whole = functional.conv2d(x, w, stride=2, padding=1, groups=2)
    np.testing.assert_allclose(
        functional.conv2d(x, w, stride=2, padding=1, groups=2, backend=NAME), whole, rtol=0, atol=1e-13
    )
