"""Pooling: every backend on every problem of the table, NaN, ties, and windows worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.kernels.contract import LANES, Conv2dProblem, PlainKernels, Pool2dProblem
from nbcnn.kernels.registry import backend, backend_names

from .cases import POOL2D, pool2d
from .conformance import draw, integers, normal, oracle, run

MAX, AVG = ([(op, name) for name in backend_names(op)] for op in ("max_pool2d", "avg_pool2d"))


@pytest.mark.parametrize("case", POOL2D)
@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize(("op", "name"), MAX + AVG)
def test_backend_equals_the_oracle(op: str, name: str, count_include_pad: bool, case: str, dtype: str) -> None:
    problem = pool2d(op, case, count_include_pad, dtype)
    numbers = integers(1, dtype, largest=2)  # few numbers, so that most windows have several largest pixels
    inputs = {key: array * 36 for key, array in draw(problem, numbers).items()}  # any count up to 3x4 divides 36
    got, wanted = run(backend(op, name), problem, inputs), oracle(problem, inputs)
    for key, array in wanted.items():
        np.testing.assert_array_equal(got[key], array, err_msg=key)


@pytest.mark.parametrize("case", POOL2D)
@pytest.mark.parametrize(("op", "name"), MAX + AVG)
def test_backend_is_near_the_oracle_on_any_numbers(op: str, name: str, case: str, dtype: str) -> None:
    problem = pool2d(op, case, True, dtype)
    inputs = draw(problem, normal(2, dtype))
    got, wanted = run(backend(op, name), problem, inputs), oracle(problem, inputs)
    for key, array in wanted.items():
        np.testing.assert_allclose(got[key], array, rtol=0, atol=16 * np.finfo(dtype).eps, err_msg=key)


def forward(problem: Pool2dProblem, name: str, image: Any) -> np.ndarray:
    """The output for one image in lane 9 of a pack of others."""
    inputs = draw(problem, normal(3, problem.dtype))
    inputs["x"][..., 9] = image
    result: np.ndarray = run(backend(problem.op, name), problem, inputs)["y"][..., 9]
    return result


def gradient(problem: Pool2dProblem, name: str, image: Any, dy: Any) -> np.ndarray:
    inputs = draw(problem, normal(3, problem.dtype))
    inputs["x"][..., 9], inputs["dy"][..., 9] = image, dy
    result: np.ndarray = run(backend(problem.op, name), problem, inputs)["dx"][..., 9]
    return result


NINE = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(("op", "name"), MAX)
def test_max_by_hand(op: str, name: str) -> None:
    problem = Pool2dProblem(op, 1, 3, 3, (2, 2), (1, 1))
    assert forward(problem, name, NINE).tolist() == [[[4, 5], [7, 8]]]
    assert gradient(problem, name, NINE, [[1, 2], [3, 4]]).tolist() == [[[0, 0, 0], [0, 1, 2], [0, 3, 4]]]


@pytest.mark.parametrize(("op", "name"), AVG)
def test_mean_by_hand(op: str, name: str) -> None:
    problem = Pool2dProblem(op, 1, 3, 3, (2, 2), (1, 1))
    assert forward(problem, name, NINE).tolist() == [[[2, 3], [5, 6]]]
    assert gradient(problem, name, NINE, [[4, 8], [12, 16]]).tolist() == [[[1, 3, 2], [4, 10, 6], [3, 7, 4]]]


@pytest.mark.parametrize(("op", "name"), MAX)
def test_max_of_padded_negative_numbers_is_negative(op: str, name: str) -> None:
    problem = Pool2dProblem(op, 1, 3, 3, (2, 2), (2, 2), (1, 1, 1, 1))
    image = -1.0 - np.array(NINE)
    assert forward(problem, name, image).tolist() == [[[-1, -2], [-4, -5]]]


@pytest.mark.parametrize(("op", "name"), AVG)
def test_whether_padding_counts(op: str, name: str) -> None:
    numbers = (op, 1, 3, 3, (2, 2), (2, 2), (1, 1, 1, 1))
    image = 4 * np.array(NINE)
    assert forward(Pool2dProblem(*numbers, True), name, image).tolist() == [[[0, 3], [9, 24]]]
    assert forward(Pool2dProblem(*numbers, False), name, image).tolist() == [[[0, 6], [18, 24]]]


@pytest.mark.parametrize(("op", "name"), AVG)
@pytest.mark.parametrize("case", POOL2D)
def test_mean_is_a_convolution_with_equal_weights(op: str, name: str, case: str) -> None:
    channels, *numbers = POOL2D[case]
    height, width, (KH, KW), stride, padding = numbers
    problem = pool2d(op, case, True, "float64")
    convolution = Conv2dProblem(1, 1, height, width, (KH, KW), stride, padding, dtype="float64")
    inputs = draw(problem, normal(4, "float64"))
    y = run(backend(op, name), problem, inputs)["y"]
    for c in range(channels):
        same = {"x": inputs["x"][c : c + 1], "dy": inputs["dy"][c : c + 1]}
        same |= {"w": np.full((1, 1, KH, KW), 1 / (KH * KW)), "b": np.zeros(1)}
        convolved = run(backend("conv2d", "naive"), convolution, same)["y"]
        np.testing.assert_allclose(y[c : c + 1], convolved, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("op", "name"), MAX)
def test_of_equal_pixels_the_first_gets_the_gradient(op: str, name: str) -> None:
    image = [[1, 5, 5], [5, 0, 5], [2, 5, 5]]
    dx = gradient(Pool2dProblem(op, 1, 3, 3, (3, 3), (3, 3)), name, image, [[7]])
    assert dx.tolist() == [[[0, 7, 0], [0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(("op", "name"), MAX + AVG)
def test_nan_shows(op: str, name: str, dtype: str) -> None:
    problem = Pool2dProblem(op, 1, 4, 4, (2, 2), (2, 2), dtype=dtype)
    kernels: PlainKernels = backend(op, name).build(problem)
    x, y = np.zeros((1, 4, 4, LANES), dtype), np.zeros((1, 2, 2, LANES), dtype)
    x[0, 0, 1, 3] = x[0, 3, 3, 5] = np.nan
    x[0, 3, 2, 5] = x[0, 2, 2, 6] = np.inf
    kernels.forward(x, y, np.zeros(0, dtype))
    assert np.argwhere(np.isnan(y)).tolist() == [[0, 0, 0, 3], [0, 1, 1, 5]]
    assert np.argwhere(np.isposinf(y)).tolist() == [[0, 1, 1, 6]]
    dx = np.zeros_like(x)
    kernels.grad_input(x, y, np.ones_like(y), dx, np.zeros(0, dtype))
    assert dx.sum() == y.size  # no gradient is lost where NaN was the largest
    if op == "max_pool2d":
        assert dx[0, 0, 1, 3] == dx[0, 3, 3, 5] == 1


@pytest.mark.parametrize(("op", "name"), MAX)
def test_max_of_minus_infinity(op: str, name: str) -> None:
    problem = Pool2dProblem(op, 1, 2, 2, (2, 2), (2, 2), (1, 1, 1, 1))
    image = np.full((2, 2), -np.inf)
    assert forward(problem, name, image).tolist() == [[[-np.inf] * 2] * 2]
    assert gradient(problem, name, image, [[1, 2], [3, 4]]).tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize("case", POOL2D)
def test_shapes(case: str) -> None:
    problem = pool2d("max_pool2d", case)
    inputs = draw(problem, normal(5, "float32"))
    assert oracle(problem, inputs)["y"].shape == (*problem.y_shape, LANES)
