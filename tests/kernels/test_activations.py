"""Activations and softmax: against the oracle, at the ends of the range, and with NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernels import reference_ops as ops
from kernels.conformance import Arrays, integers, normal, run
from nbcnn.kernels.contract import LANES, ParameterFreeKernels
from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
from nbcnn.kernels.ops import built_in
from nbcnn.kernels.ops import op as definition
from nbcnn.kernels.registry import backend, backend_names

ACTIVATIONS = [(op, name) for op in ("relu", "sigmoid", "tanh") for name in backend_names(op)]
SOFTMAX = backend_names("softmax")
LOG_SOFTMAX = backend_names("log_softmax")
INFINITE = float("inf")


def both(op: str, name: str, inputs: Arrays) -> Arrays:
    problem = ElementwiseProblem(op, len(inputs["x"]), inputs["x"].dtype.name)
    return run(backend(op, name), problem, inputs)


def forward(op: str, name: str, x: Any, dtype: str) -> np.ndarray:
    """Of any numbers, NaN too; in lanes of the last row that x does not fill there is 0."""
    numbers = np.asarray(x, dtype)
    packs = np.zeros((-(-numbers.size // LANES), LANES), dtype)
    packs.reshape(-1)[: numbers.size] = numbers
    kernels: ParameterFreeKernels = backend(op, name).build(definition(op).problem(op, len(packs), dtype))
    y = np.empty_like(packs)
    with np.errstate(over="ignore"):
        kernels.forward(packs, y, np.zeros(0, dtype))
    result: np.ndarray = y.reshape(-1)[: numbers.size]
    return result


@pytest.mark.parametrize(("op", "name"), ACTIVATIONS)
def test_activation_is_near_the_oracle(op: str, name: str, dtype: str) -> None:
    eps, numbers = np.finfo(dtype).eps, normal(1, dtype)
    x = np.concatenate([scale * numbers(6, LANES) for scale in (1, 5, 30, 1e-3, 1e-20)])
    inputs = {"x": x, "dy": numbers(*x.shape)}
    got = both(op, name, inputs)
    # Where e**-x is about to overflow, sigmoid ends before the smallest normal number does.
    np.testing.assert_allclose(got["y"], getattr(ops, op)(x), rtol=4 * eps, atol=np.finfo(dtype).tiny)
    # The derivative comes from y, which is 1 long before the derivative is 0.
    wanted = getattr(ops, f"{op}_grad")(x, inputs["dy"])
    np.testing.assert_allclose(got["dx"], wanted, rtol=8 * eps, atol=16 * eps)


def test_relu_is_exact(dtype: str) -> None:
    x, dy = (integers(seed, dtype)(5, LANES) for seed in (1, 2))
    got = both("relu", "direct", {"x": x, "dy": dy})
    np.testing.assert_array_equal(got["y"], ops.relu(x))
    np.testing.assert_array_equal(got["dx"], ops.relu_grad(x, dy))
    assert (x == 0).any() and not got["dx"][x == 0].any()


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        ("leaky_relu", [0, 0, INFINITE, -INFINITE, np.nan, 2.0**99, -1e28, -8]),
        ("elu", [0, 0, INFINITE, -1, np.nan, 2.0**99, -1, -1]),
        ("gelu", [0, 0, INFINITE, 0, np.nan, 2.0**99, 0, 0]),
        ("silu", [0, 0, INFINITE, 0, np.nan, 2.0**99, 0, 0]),
        ("hardswish", [0, 0, INFINITE, 0, np.nan, 2.0**99, 0, 0]),
        ("relu", [0, 0, INFINITE, 0, np.nan, 2.0**99, 0, 0]),
        ("sigmoid", [0.5, 0.5, 1, 0, np.nan, 1, 0, 0]),
        ("tanh", [0, 0, 1, -1, np.nan, 1, -1, -1]),
    ],
)
def test_ends_of_the_range(op: str, wanted: list[float], dtype: str) -> None:
    x = [0, -0.0, INFINITE, -INFINITE, np.nan, 2.0**99, -1e30, -800]
    for name in backend_names(op):
        got = forward(op, name, x, dtype)
        if op == "leaky_relu":
            np.testing.assert_allclose(got, wanted, rtol=2 * np.finfo(dtype).eps)  # 0.01 is rounded
        else:
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", backend_names("sigmoid"))
def test_sigmoid_by_hand(name: str, dtype: str) -> None:
    y = forward("sigmoid", name, [0, np.log(3), -np.log(3), 2], dtype)
    np.testing.assert_allclose(y, [0.5, 0.75, 0.25, 0.8807970779778823], rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", backend_names("tanh"))
def test_tanh_is_accurate_near_zero(name: str, dtype: str) -> None:
    x = np.array([1e-3, -1e-5, 1e-8, 1e-20, -1e-30, 0.2, -0.5], dtype)
    np.testing.assert_allclose(forward("tanh", name, x, dtype), np.tanh(x.astype("f8")), rtol=3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", SOFTMAX)
@pytest.mark.parametrize("classes", [1, 2, 10, 37])
def test_softmax_is_near_the_oracle(name: str, classes: int, dtype: str) -> None:
    eps, numbers = np.finfo(dtype).eps, normal(3, dtype)
    inputs = {"x": 3 * numbers(classes, LANES), "dy": numbers(classes, LANES)}
    got = both("softmax", name, inputs)
    np.testing.assert_allclose(got["y"], ops.softmax(inputs["x"].T).T, rtol=16 * eps)
    np.testing.assert_allclose(got["y"].sum(0), np.ones(LANES), rtol=16 * eps)
    wanted = ops.softmax_grad(inputs["x"].T, inputs["dy"].T).T
    np.testing.assert_allclose(got["dx"], wanted, rtol=0, atol=8 * eps)


@pytest.mark.parametrize("name", SOFTMAX)
def test_softmax_by_hand(name: str, dtype: str) -> None:
    x = np.zeros((4, LANES), dtype)
    x[:, 1] = np.log([1, 2, 3, 4])
    x[:, 2] = np.log([1, 2, 3, 4]) + 16  # the same scores, moved
    x[:, 3] = [1e30, 0, -1e30, 1e30]
    y = both("softmax", name, {"x": x, "dy": x})["y"]
    np.testing.assert_array_equal(y[:, 0], [0.25] * 4)
    np.testing.assert_allclose(y[:, 1], [0.1, 0.2, 0.3, 0.4], rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_allclose(y[:, 2], [0.1, 0.2, 0.3, 0.4], rtol=16 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y[:, 3], [0.5, 0, 0, 0.5])


@pytest.mark.parametrize("name", SOFTMAX)
def test_softmax_shows_nan_in_its_image_alone(name: str, dtype: str) -> None:
    x, y = np.zeros((3, LANES), dtype), np.empty((3, LANES), dtype)
    x[1, 4], x[2, 5] = np.nan, -INFINITE
    backend("softmax", name).build(ElementwiseProblem("softmax", 3, dtype)).forward(x, y, np.zeros(0, dtype))
    assert np.isnan(y[:, 4]).all() and not np.isnan(np.delete(y, 4, axis=1)).any()
    np.testing.assert_array_equal(y[:, 5], [0.5, 0.5, 0])


@pytest.mark.parametrize("name", LOG_SOFTMAX)
@pytest.mark.parametrize("classes", [1, 2, 10, 37])
def test_log_softmax_is_near_the_oracle(name: str, classes: int, dtype: str) -> None:
    eps, numbers = np.finfo(dtype).eps, normal(3, dtype)
    inputs = {"x": 3 * numbers(classes, LANES), "dy": numbers(classes, LANES)}
    got = both("log_softmax", name, inputs)
    np.testing.assert_allclose(got["y"], ops.log_softmax(inputs["x"].T).T, rtol=8 * eps, atol=16 * eps)
    np.testing.assert_allclose(np.exp(got["y"]).sum(0), np.ones(LANES), rtol=64 * eps)
    wanted = ops.log_softmax_grad(inputs["x"].T, inputs["dy"].T).T
    summed = np.abs(inputs["dy"]).sum(0).max()  # rounding of the sum of dy is a share of what was summed
    np.testing.assert_allclose(got["dx"], wanted, rtol=0, atol=4 * eps * summed)


@pytest.mark.parametrize("name", LOG_SOFTMAX)
def test_log_softmax_by_hand_and_far_out(name: str, dtype: str) -> None:
    x = np.zeros((4, LANES), dtype)
    x[:, 1] = np.log([1, 2, 3, 4])
    x[:, 2] = [1e4, -1e4, 0, 1e4]
    x[:, 3] = [-1e4, -1e4, -1e4, -1e4]
    x[:, 4] = [1e30, 0, -1e30, 1e30]
    dy = np.tile(np.array([[1], [2], [3], [4]], dtype), LANES)
    got, eps = both("log_softmax", name, {"x": x, "dy": dy}), np.finfo(dtype).eps
    np.testing.assert_allclose(got["y"][:, 0], [-np.log(4)] * 4, rtol=2 * eps)
    np.testing.assert_allclose(got["y"][:, 1], np.log([0.1, 0.2, 0.3, 0.4]), rtol=8 * eps)
    half = -np.log(2)
    np.testing.assert_allclose(got["y"][:, 2], [half, half - 2e4, half - 1e4, half], rtol=2 * eps)
    np.testing.assert_allclose(got["y"][:, 3], [-np.log(4)] * 4, rtol=2 * eps)
    np.testing.assert_allclose(got["y"][:, 4], [half, -1e30, -2e30, half], rtol=2 * eps)
    np.testing.assert_allclose(got["dx"][:, 1], [0, 0, 0, 0], atol=16 * eps)  # 1, 2, 3, 4 less 0.1, 0.2, 0.3, 0.4 of 10
    np.testing.assert_allclose(got["dx"][:, 2], [-4, 2, 3, -1], rtol=4 * eps)


@pytest.mark.parametrize("name", LOG_SOFTMAX)
def test_log_softmax_shows_nan_in_its_image_alone(name: str, dtype: str) -> None:
    x, y = np.zeros((3, LANES), dtype), np.empty((3, LANES), dtype)
    x[1, 4], x[2, 5] = np.nan, -INFINITE
    backend("log_softmax", name).build(ElementwiseProblem("log_softmax", 3, dtype)).forward(x, y, np.zeros(0, dtype))
    assert np.isnan(y[:, 4]).all() and not np.isnan(np.delete(y, 4, axis=1)).any()
    np.testing.assert_allclose(y[:, 5], [-np.log(2), -np.log(2), -INFINITE], rtol=2 * np.finfo(dtype).eps)


def both_with(op: str, x: np.ndarray, dy: np.ndarray, **arguments: Any) -> Arrays:
    problem = definition(op).problem(op, len(x), x.dtype.name, **arguments)
    return run(backend(op), problem, {"x": x, "dy": dy})


def a_pack(dtype: str, *numbers: float) -> np.ndarray:
    return np.tile(np.array(numbers, dtype)[:, None], LANES)


def test_leaky_relu_and_elu_by_hand(dtype: str) -> None:
    x, dy = a_pack(dtype, -2, -1, 0, 3), a_pack(dtype, 1, 2, 4, 8)
    got = both_with("leaky_relu", x, dy, negative_slope=0.25)
    np.testing.assert_array_equal(got["y"][:, 5], [-0.5, -0.25, 0, 3])
    np.testing.assert_array_equal(got["dx"][:, 5], [0.25, 0.5, 1, 8])  # at 0 the slope is that below
    flat = both_with("leaky_relu", x, dy, negative_slope=0.0)
    np.testing.assert_array_equal(flat["dx"][:, 5], [0, 0, 0, 8])
    eps, got = np.finfo(dtype).eps, both_with("elu", x, dy, alpha=0.5)
    e1, e2 = np.exp(-1.0), np.exp(-2.0)
    np.testing.assert_allclose(got["y"][:, 5], [0.5 * (e2 - 1), 0.5 * (e1 - 1), 0, 3], rtol=4 * eps)
    np.testing.assert_allclose(got["dx"][:, 5], [0.5 * e2, e1, 2, 8], rtol=8 * eps)


def test_elu_is_accurate_near_zero(dtype: str) -> None:
    x = a_pack(dtype, -1e-3, -1e-5, -1e-8, -1e-20, -1e-30)
    got = both_with("elu", x, x)
    np.testing.assert_allclose(got["y"], np.expm1(x.astype("f8")), rtol=3 * np.finfo(dtype).eps)


def test_silu_hardswish_and_gelu_by_hand(dtype: str) -> None:
    x, dy, eps = a_pack(dtype, -3, -1, 0, 1, 3), a_pack(dtype, 1, 1, 1, 1, 1), np.finfo(dtype).eps
    got = both_with("hardswish", x, dy)
    np.testing.assert_allclose(got["y"][:, 2], [0, -1 / 3, 0, 2 / 3, 3], rtol=2 * eps)
    np.testing.assert_allclose(got["dx"][:, 2], [0, 1 / 6, 1 / 2, 5 / 6, 1], rtol=2 * eps)  # as PyTorch has it at ±3
    got, s = both_with("silu", x, dy), 0.7310585786300049
    np.testing.assert_allclose(got["y"][1:4, 2], [s - 1, 0, s], rtol=4 * eps)
    np.testing.assert_allclose(got["dx"][3, 2], s + s * (1 - s), rtol=4 * eps)
    got, phi, density = both_with("gelu", x, dy), 0.8413447460685429, 0.24197072451914337
    np.testing.assert_allclose(got["y"][1:4, 2], [phi - 1, 0, phi], rtol=8 * eps)
    np.testing.assert_allclose(got["dx"][1:4, 2], [1 - phi - density, 0.5, phi + density], rtol=16 * eps)
    got, near = both_with("gelu", x, dy, approximate="tanh"), 0.8411919906082768
    np.testing.assert_allclose(got["y"][1:4, 2], [near - 1, 0, near], rtol=16 * eps)
    assert abs(got["dx"][3, 2] - (phi + density)) < 2e-3


@pytest.mark.parametrize("op", ["gelu", "silu", "hardswish"])
def test_derivatives_far_out_are_0_and_1(op: str, dtype: str) -> None:
    far = [-INFINITE, -1e30, -1e3, 1e3, 1e30, INFINITE]
    x, dy = a_pack(dtype, *far), a_pack(dtype, 2, 2, 2, 2, 2, 2)
    kernels: ParameterFreeKernels = backend(op).build(definition(op).problem(op, len(x), dtype))
    dx = np.empty_like(x)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        kernels.grad_input(x, x, dy, dx, np.zeros(0, dtype))
    np.testing.assert_array_equal(dx[:, 0], [0, 0, 0, 2, 2, 2])


def test_kinks_are_where_the_derivative_jumps() -> None:
    """The oracle's derivatives right below and above each whole number and the middles between."""
    for name in built_in():
        op = definition(name)
        if not isinstance(op, ActivationOp):
            continue
        for way in op.ways:
            x, problem = np.arange(-8, 9)[:, None] / 2, op.problem(name, 1, **way)
            below, above = (op.gradient(x + side * 1e-9, np.ones_like(x), **problem.arguments) for side in (-1, 1))
            assert op.kinks(problem) == tuple(x[np.abs(above - below) > 1e-6]), (name, way)
