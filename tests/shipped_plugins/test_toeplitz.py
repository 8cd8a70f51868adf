"""The explicit matrix: what stands where in it, its limit, and all that the contract promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive

from nbcnn import functional
from nbcnn.conformance import Options, check_backend
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend, cost, prepare
from shipped_plugins.conftest import module_of
from shipped_plugins.trials import KINDS, adjoint, inputs, poison, run

NAME = "toeplitz"
LENET1 = Conv2dProblem(1, 6, 28, 28, (5, 5), padding=(2, 2, 2, 2))


def matrix(problem: Conv2dProblem, w: Any) -> np.ndarray:
    """T of a problem, as the backend writes it."""
    T = np.full((*problem.y_shape, *problem.x_shape), np.nan)
    module: Any = module_of("toeplitz")
    module.write(np.asarray(w, float), T, problem.stride, problem.padding[::2], problem.dilation)
    return T.reshape(int(np.prod(problem.y_shape)), -1)


@exhaustive
@pytest.mark.jit
def test_the_contract() -> None:
    report = check_backend("conv2d", NAME, Options(quick=True, bounds=False))
    assert report.failed == 0, report.failures
    assert report.problems > 0 and report.tolerance == 0


def test_the_matrix_of_two_by_two_on_three_by_three() -> None:
    """Each row is the one before, moved by one pixel; at the end of a row of the image, by two."""
    T = matrix(Conv2dProblem(1, 1, 3, 3, (2, 2)), [[[[1, 2], [3, 4]]]])
    assert T.tolist() == [
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
    ]


def test_padding_cuts_weights_off_and_dilation_spreads_them() -> None:
    row = Conv2dProblem(1, 1, 1, 3, (1, 3), padding=(0, 0, 1, 1))
    assert matrix(row, [[[[1, 2, 3]]]]).tolist() == [[2, 3, 0], [1, 2, 3], [0, 1, 2]]
    spread = Conv2dProblem(1, 1, 1, 5, (1, 2), (1, 2), dilation=(1, 2))
    assert matrix(spread, [[[[1, 2]]]]).tolist() == [[1, 0, 2, 0, 0], [0, 0, 1, 0, 2]]


def test_groups_make_blocks_on_the_diagonal() -> None:
    T = matrix(Conv2dProblem(2, 4, 1, 1, (1, 1), groups=2), [[[[1]]], [[[2]]], [[[3]]], [[[4]]]])
    assert T.tolist() == [[1, 0], [2, 0], [0, 3], [0, 4]]


def test_lenets_first_layer_fits_and_a_larger_one_is_refused() -> None:
    assert backend("conv2d", NAME).supports(LENET1) is None
    large = Conv2dProblem(1, 6, 32, 32, (5, 5), padding=(2, 2, 2, 2))
    sentence = "its matrix would have 6144 × 1024 = 6,291,456 numbers, it may have 4,194,304"
    assert backend("conv2d", NAME).supports(large) == sentence
    with pytest.raises(KernelError) as raised:
        prepare(large, NAME)
    assert str(raised.value).startswith(f"backend {NAME} can't do this conv2d: {sentence}; these can: direct, ")


def test_cost_by_hand() -> None:
    """A matrix of 4 × 9: met once by each of 16 images, written once and read once."""
    forward = cost(Conv2dProblem(1, 1, 3, 3, (2, 2)), NAME).forward
    assert forward == (LANES * 36, 2 * 36 + LANES * (9 + 4) + 4)


def test_gradients_are_adjoint() -> None:
    adjoint(NAME, Conv2dProblem(4, 6, 5, 7, (2, 3), (2, 1), (1, 0, 2, 1), (2, 1), 2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_does_not_vanish(value: float) -> None:
    poison(NAME, Conv2dProblem(2, 2, 4, 3, (3, 2), (1, 2), padding=(1, 0, 1, 1)), value)


def test_forward_is_the_product_with_the_matrix() -> None:
    problem = Conv2dProblem(2, 3, 4, 5, (3, 2), (1, 2), (1, 0, 0, 1), dtype="float64")
    given = inputs(problem, KINDS["normal"](1))
    T, got = matrix(problem, given["w"]), run(NAME, problem, given)
    y = (T @ given["x"].reshape(-1, LANES)).reshape(given["dy"].shape) + given["b"][:, None, None, None]
    np.testing.assert_allclose(got["y"], y, rtol=0, atol=1e-13)
    np.testing.assert_allclose(got["dx"].reshape(-1, LANES), T.T @ given["dy"].reshape(-1, LANES), rtol=0, atol=1e-13)


def test_the_functions_take_its_name() -> None:
    random = np.random.default_rng(6)
    x, w = random.standard_normal((3, 2, 9, 8)), random.standard_normal((4, 1, 3, 2))
    whole = functional.conv2d(x, w, stride=2, padding=1, groups=2)
    np.testing.assert_allclose(
        functional.conv2d(x, w, stride=2, padding=1, groups=2, backend=NAME), whole, rtol=0, atol=1e-13
    )
