"""The optimizers' passes over the flat parameters, against the oracle's definitions, which keep PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.optim import OPTIMIZERS, Optimizer
from optim import oracle as ops
from optim.pytorch_steps import DEFAULTS, GRADIENTS, PARAMETERS, STEPS

SIZE = 37


def optimizer(name: str, size: int = SIZE, **arguments: Any) -> Optimizer:
    kind = OPTIMIZERS.get(name)
    return kind(kind.Config(**arguments), size)


def steps(chosen: Optimizer, parameters: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Parameters after one step for each row of gradients."""
    fence = GuardedArrays()
    p = fence.output("parameters", parameters.shape, "float32")
    p[...] = parameters
    for gradient in gradients:
        chosen.step(p, fence.input("gradient", gradient))
    fence.check()
    return p


def draw(seed: int, whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Parameters (SIZE,) and the gradients of six steps."""
    random = np.random.default_rng(seed)
    numbers = random.integers(-8, 9, (7, SIZE)) if whole else random.standard_normal((7, SIZE))
    return numbers[0].astype(np.float32), numbers[1:].astype(np.float32)


SGD: dict[str, dict[str, Any]] = {
    "plain": {"lr": 0.5},
    "decay": {"lr": 0.25, "weight_decay": 0.5},
    "momentum": {"lr": 0.5, "momentum": 0.5},
    "momentum and decay": {"lr": 0.5, "momentum": 0.75, "weight_decay": 0.25},
    "nesterov": {"lr": 0.5, "momentum": 0.5, "nesterov": True},
    "nesterov and decay": {"lr": 0.25, "momentum": 0.5, "weight_decay": 0.5, "nesterov": True},
    "dampening": {"lr": 0.5, "momentum": 0.5, "dampening": 0.75},
    "dampening and decay": {"lr": 0.25, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.5},
}


@pytest.mark.parametrize("case", SGD)
def test_sgd_equals_the_oracle(case: str) -> None:
    p, gradients = draw(1, whole=True)  # with powers of two all numbers of three steps are exact
    got = steps(optimizer("sgd", **SGD[case]), p, gradients[:3])
    wanted, velocity = p.astype(np.float64), np.zeros(SIZE)
    for number, gradient in enumerate(gradients[:3]):
        wanted, velocity = ops.sgd_step(wanted, gradient, velocity, **SGD[case], first=number == 0)
    np.testing.assert_array_equal(got, wanted)


def test_sgd_keeps_a_velocity_only_for_momentum() -> None:
    assert optimizer("sgd", lr=0.1).state["velocity"].shape == (0,)
    assert optimizer("sgd", lr=0.1, momentum=0.9).state["velocity"].shape == (SIZE,)


def test_sgd_by_hand() -> None:
    p, g = np.array([1, 2], np.float32), np.array([[4, -2], [4, -2]], np.float32)
    assert steps(optimizer("sgd", 2, lr=0.5), p, g).tolist() == [-3, 4]
    assert steps(optimizer("sgd", 2, lr=0.5, momentum=0.5), p, g).tolist() == [-4, 4.5]
    assert steps(optimizer("sgd", 2, lr=0.5, momentum=0.5, nesterov=True), p, g).tolist() == [-5.5, 5.25]


ADAM: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("adam", {"lr": 0.01}),
    "betas and eps": ("adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3}),
    "decay": ("adam", {"lr": 0.01, "weight_decay": 0.1}),
    "adamw": ("adamw", {"lr": 0.01}),
    "adamw, strong decay": ("adamw", {"lr": 0.1, "weight_decay": 0.5}),
}


@pytest.mark.parametrize("case", ADAM)
def test_adam_is_near_the_oracle(case: str) -> None:
    name, arguments = ADAM[case]
    p, gradients = draw(2)
    chosen = optimizer(name, **arguments)
    got = steps(chosen, p, gradients)
    wanted, moments = p.astype(np.float64), np.zeros((2, SIZE))
    arguments = {"weight_decay": 0.01 if name == "adamw" else 0.0} | arguments
    for t, gradient in enumerate(gradients, 1):
        wanted, moments = ops.adam_step(wanted, gradient, moments, t, decoupled=name == "adamw", **arguments)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)
    np.testing.assert_allclose(chosen.state["moments"], moments, rtol=1e-5, atol=1e-7)
    assert chosen.state["count"].tolist() == [len(gradients)]
    assert np.abs(got - p).max() > 0.01


RMSPROP: dict[str, dict[str, Any]] = {
    "plain": {},
    "decay and eps": {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.25},
    "momentum": {"lr": 0.003, "momentum": 0.9},
    "centered": {"centered": True, "alpha": 0.5, "eps": 0.01},
    "all": {"lr": 0.003, "alpha": 0.75, "eps": 0.1, "weight_decay": 0.1, "momentum": 0.5, "centered": True},
}


@pytest.mark.parametrize("case", RMSPROP)
def test_rmsprop_is_near_the_oracle(case: str) -> None:
    p, gradients = draw(5)
    chosen = optimizer("rmsprop", **RMSPROP[case])
    got = steps(chosen, p, gradients)
    wanted, kept = p.astype(np.float64), (np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE))
    for gradient in gradients:
        wanted, kept = ops.rmsprop_step(wanted, gradient, kept, **RMSPROP[case])
    np.testing.assert_allclose(got, wanted, rtol=0, atol=5e-6)
    names = ["squares", *["means"] * ("centered" in RMSPROP[case]), *["velocity"] * ("momentum" in RMSPROP[case])]
    for name, array in zip(("squares", "means", "velocity"), kept, strict=True):
        np.testing.assert_allclose(chosen.state[name], array if name in names else [], rtol=1e-5, atol=1e-5)
    assert np.abs(got - p).max() > 0.01


def test_rmsprop_of_steady_gradients_has_no_variance_and_stays_a_number() -> None:
    """By rounding the mean of squares becomes less than the square of the mean."""
    gradients = np.tile(np.random.default_rng(0).uniform(0.5, 2, 16).astype(np.float32), (200, 1))
    chosen = optimizer("rmsprop", 16, centered=True, alpha=0.5)
    assert np.isfinite(steps(chosen, np.zeros(16, np.float32), gradients)).all()


@pytest.mark.parametrize("case", range(len(STEPS)))
def test_every_optimizer_steps_as_in_pytorch(case: int) -> None:
    name, arguments, wanted = STEPS[case]
    got = steps(optimizer(name, 4, **arguments), np.array(PARAMETERS, np.float32), np.array(GRADIENTS, np.float32))
    np.testing.assert_allclose(got, wanted, rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_optimizer_has_the_defaults_of_pytorch(name: str) -> None:
    assert OPTIMIZERS.get(name).Config.model_validate({"lr": DEFAULTS[name]["lr"]}).model_dump() == DEFAULTS[name]


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_first_step_of_adam_is_as_long_as_the_learning_rate(name: str) -> None:
    g = np.array([[1e-3, -5, 100, 0]], np.float32)
    p = steps(optimizer(name, 4, lr=0.125, weight_decay=0.0), np.zeros(4, np.float32), g)
    np.testing.assert_allclose(p, [-0.125, 0.125, -0.125, 0], rtol=2e-5)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        ("sgd", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
        ("adam", {}),
        ("adamw", {}),
        ("rmsprop", {"momentum": 0.9, "centered": True}),
    ],
)
def test_state_is_all_that_there_is_to_restore(name: str, arguments: dict[str, Any]) -> None:
    p, gradients = draw(3)
    whole = steps(optimizer(name, **arguments), p, gradients)
    first, second = optimizer(name, **arguments), optimizer(name, **arguments)
    half = steps(first, p, gradients[:3])
    for key, array in second.state.items():
        array[...] = first.state[key]
    assert steps(second, half, gradients[3:]).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("name", "arguments"), [("sgd", {"lr": 0.1}), ("adam", {}), ("rmsprop", {}), ("rmsprop", {"centered": True})]
)
def test_nan_in_a_gradient_shows_in_its_parameter_alone(name: str, arguments: dict[str, Any]) -> None:
    p, gradients = draw(4)
    gradients[0, 5] = np.nan
    assert np.flatnonzero(np.isnan(steps(optimizer(name, **arguments), p, gradients))).tolist() == [5]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_step_beyond_float32_is_infinite_without_a_warning(name: str) -> None:
    """What is worked out of a learning rate in float64 may be more than float32 holds: Adam's 1e38 / (1 - 0.9)."""
    kind = OPTIMIZERS.get(name)
    # RMSprop's first step is ten times lr: beyond float32 in the kernel itself, which warns where it runs as plain Python.
    optimizer = kind(kind.Config(lr=1e37 if name == "rmsprop" else 1e38, weight_decay=0.5), 4)
    parameters, gradients = np.ones(4, np.float32), np.full(4, 0.5, np.float32)
    optimizer.step(parameters, gradients)
    assert (np.isinf(parameters) if name.startswith("adam") else np.abs(parameters) > 1e37).all()
    scheduled: Any = kind(kind.Config(lr=1.0), 4)
    scheduled.step(parameters := np.ones(4, np.float32), gradients, lr=1e39)
    assert not np.isfinite(parameters).any()
