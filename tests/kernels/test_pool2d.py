"""Pooling: every backend on every problem of the table, NaN, ties, and windows worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kernels.cases import DILATED_POOL2D, POOL2D, pool2d
from kernels.conformance import draw, integers, normal, oracle, run
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import LANES, ParameterFreeKernels
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend, backend_names, prepare

MAX, AVG = ([(op, name) for name in backend_names(op)] for op in ("max_pool2d", "avg_pool2d"))


BOTH = [(op, name, case) for op, name in MAX + AVG for case in POOL2D]
DILATED = [(op, name, case) for op, name in MAX for case in DILATED_POOL2D]


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize(("op", "name", "case"), BOTH + DILATED)
def test_backend_equals_the_oracle(op: str, name: str, count_include_pad: bool, case: str, dtype: str) -> None:
    problem = pool2d(op, case, count_include_pad, dtype)
    numbers = integers(1, dtype, largest=2)  # few numbers, so that most windows have several largest pixels
    inputs = {key: array * 36 for key, array in draw(problem, numbers).items()}  # any count up to 3x4 divides 36
    got, wanted = run(backend(op, name), problem, inputs), oracle(problem, inputs)
    for key, array in wanted.items():
        np.testing.assert_array_equal(got[key], array, err_msg=key)


@pytest.mark.parametrize(("op", "name", "case"), BOTH + DILATED)
def test_backend_is_near_the_oracle_on_any_numbers(op: str, name: str, case: str, dtype: str) -> None:
    problem = pool2d(op, case, True, dtype)
    inputs = draw(problem, normal(2, dtype))
    got, wanted = run(backend(op, name), problem, inputs), oracle(problem, inputs)
    for key, array in wanted.items():
        np.testing.assert_allclose(got[key], array, rtol=0, atol=16 * np.finfo(dtype).eps, err_msg=key)


@pytest.mark.parametrize("divisor", [1, 3, -2])
@pytest.mark.parametrize("case", ["overlapping and padding", "ceil and padding"])
@pytest.mark.parametrize(("op", "name"), AVG)
def test_a_divisor_of_ones_own(op: str, name: str, case: str, divisor: int, dtype: str) -> None:
    problem = replace(pool2d(op, case, True, dtype), divisor_override=divisor)
    inputs = {key: 36 * array for key, array in draw(problem, integers(3, dtype)).items()}
    got, wanted = run(backend(op, name), problem, inputs), oracle(problem, inputs)
    for key, array in wanted.items():
        np.testing.assert_array_equal(got[key], array, err_msg=key)


@pytest.mark.parametrize(("op", "name"), AVG)
def test_averages_are_not_dilated(op: str, name: str) -> None:
    problem = pool2d(op, "dilation")
    assert backend(op, name).supports(problem) == "dilation is (2, 3), it can only do (1, 1)"
    sentence = r"backend direct can't do this avg_pool2d: dilation is \(2, 3\), it can only do \(1, 1\); no known"
    with pytest.raises(KernelError, match=sentence):
        prepare(problem, name)


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
@pytest.mark.parametrize("case", sorted(POOL2D.keys() - {"ceil: larger than the image"}))
def test_mean_is_a_convolution_with_equal_weights(op: str, name: str, case: str) -> None:
    problem = replace(pool2d(op, case, True, "float64"), ceil_mode=False)
    (channels, height, width), (KH, KW) = problem.x_shape, problem.kernel_size
    convolution = Conv2dProblem(1, 1, height, width, (KH, KW), problem.stride, problem.padding, dtype="float64")
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
    kernels: ParameterFreeKernels = backend(op, name).build(problem)
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


@pytest.mark.parametrize(("op", "name"), MAX)
def test_max_of_no_pixels(op: str, name: str, dtype: str) -> None:
    """A window that steps over the image has no largest pixel: -inf, and its gradient goes nowhere. NaN still wins."""
    problem = Pool2dProblem(op, 1, 2, 3, (2, 1), (1, 1), (1, 1, 0, 0), dtype=dtype, dilation=(3, 1))
    assert forward(problem, name, [[1, 2, 3], [4, 5, 6]]).tolist() == [[[-np.inf] * 3]]
    assert not gradient(problem, name, [[1, 2, 3], [4, 5, 6]], [[7, 8, 9]]).any()


@pytest.mark.parametrize(("op", "name"), MAX)
def test_nan_wins_in_dilated_windows(op: str, name: str, dtype: str) -> None:
    problem = Pool2dProblem(op, 1, 3, 3, (2, 2), (1, 1), dtype=dtype, dilation=(2, 2))
    kernels: ParameterFreeKernels = backend(op, name).build(problem)
    x, y = np.ones((1, 3, 3, LANES), dtype), np.zeros((1, 1, 1, LANES), dtype)
    x[0, 2, 0, 4], x[0, 1, 1, 5] = np.nan, np.nan  # of a corner, and of the middle, which no tap meets
    kernels.forward(x, y, np.zeros(0, dtype))
    assert np.flatnonzero(np.isnan(y)).tolist() == [4]
    dx = np.empty_like(x)
    kernels.grad_input(x, y, np.ones_like(y), dx, np.zeros(0, dtype))
    assert dx[0, 2, 0, 4] == dx[0, 0, 0, 5] == 1 and dx.sum() == LANES


@pytest.mark.parametrize(("op", "name"), AVG)
def test_beyond_the_padding_nothing_counts(op: str, name: str) -> None:
    """Three pixels in a row, windows of 2 at -1, 1, 3 with one zero after: 0 6 | 12 18 | 0 and nothing beyond."""
    problem = Pool2dProblem(op, 1, 1, 3, (1, 2), (1, 2), (0, 0, 1, 1), ceil_mode=True)
    assert forward(problem, name, [[6, 12, 18]]).tolist() == [[[3, 15]]]
    wide = replace(problem, padding=(0, 0, 0, 0))
    assert forward(wide, name, [[6, 12, 18]]).tolist() == [[[9, 18]]]
    assert gradient(wide, name, [[6, 12, 18]], [[2, 5]]).tolist() == [[[1, 1, 5]]]
    part = Pool2dProblem(op, 1, 1, 4, (1, 4), (1, 3), (0, 0, 1, 1), ceil_mode=True)  # at -1 and at 2: of 2 3 | 0 |
    assert forward(part, name, [[6, 12, 18, 24]]).tolist() == [[[9, 14]]]
    assert forward(replace(part, count_include_pad=False), name, [[6, 12, 18, 24]]).tolist() == [[[12, 21]]]


@pytest.mark.parametrize("case", POOL2D | DILATED_POOL2D)
def test_shapes(case: str) -> None:
    problem = pool2d("max_pool2d", case)
    inputs = draw(problem, normal(5, "float32"))
    assert oracle(problem, inputs)["y"].shape == (*problem.y_shape, LANES)
