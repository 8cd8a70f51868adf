"""Gradients that rounding makes differ, by ties, are judged by float64; mistakes are refused all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nbcnn
from bench.fakes import registered, take_of
from nbcnn.bench.end_to_end import measure, task_of
from nbcnn.bench.peers import Learner, Task
from nbcnn.bench.ties import Float64
from nbcnn.engine.network import views
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import PeerError
from nbcnn.optim import OPTIMIZERS
from nbcnn.training.model import Model

CONFIG: dict[str, Any] = {
    "name": "n",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": ["flatten", {"linear": {"out_features": 5}}, "relu", {"linear": {"out_features": 3}}],
    "train": {"batch_size": 20, "optimizer": {"sgd": {"lr": 0.5}}},
}
Wrong = Callable[[dict[str, np.ndarray], int], None]


def task(tie: bool, activation: Any = "relu", at: float = 0.0) -> Task:
    layers = [activation if layer == "relu" else layer for layer in CONFIG["layers"]]
    made = task_of(nbcnn.load({**CONFIG, "layers": layers}, overrides=nbcnn.Overrides(threads=1)), 1)
    if tie:  # the first number before the activation, of one image of the first batch, is at its kink but for rounding
        x = made.x[made.batches[0][3]].ravel().astype(np.float64)
        row, bias = made.network.tensors["1.weight"][0], made.network.tensors["1.bias"]
        row -= (x * ((row @ x + bias[0] - at) / (x @ x))).astype(np.float32)
    return made


def alike(wrong: Wrong) -> Callable[[Any, Task], dict[str, Learner]]:
    """Trains as nbcnn does, with a gradient that ``wrong`` has changed, which is told how many images there are."""

    def training(self: Any, task: Task) -> dict[str, Learner]:
        network = Model(task.network.config)
        network.load_state_dict(task.network.state_dict())
        executor, choice = SerialExecutor(network), network.config.train.optimizer
        optimizer = OPTIMIZERS.get(choice.name)(choice.config, network.parameters.size)

        def step(k: int) -> None:
            executor.train_step(task.images, task.labels, task.batches[k])
            wrong(views(executor.gradient, network.shapes), len(task.batches[k]))
            optimizer.step(network.parameters, executor.gradient)

        def gradients() -> dict[str, np.ndarray]:
            return {name: view.copy() for name, view in views(executor.gradient, network.shapes).items()}

        return {"plain": Learner(step, network.state_dict, gradients)}

    return training


def compare(tie: bool, wrong: Wrong) -> list[str]:
    told: list[str] = []
    with registered("fake", training=alike(wrong)) as kind:
        take = take_of({"nbcnn": 1.0, "fake plain": 1.0})
        measure(task(tie), {}, {"fake": kind()}, ["training"], 1, told.append, take)
    return told


def off(name: str, share: float, only: int | None = None) -> Wrong:
    """A gradient that is wrong by so much, on batches of ``only`` so many images."""

    def wrong(gradients: dict[str, np.ndarray], images: int) -> None:
        if only in (None, images):
            gradients[name].flat[0] += share * np.abs(gradients[name]).max()

    return wrong


def test_a_tie_is_found_and_named() -> None:
    made = task(True)
    exact = Float64(made).step(made.batches[0])
    assert exact.ties == {"2": 1}
    assert exact.words() == "layer 2 (relu) 1"
    assert Float64(task(False)).step(made.batches[0]).ties == {}


@pytest.mark.parametrize(
    ("activation", "at", "found"),
    [
        ("hardswish", 3.0, {"2": 1}),
        ("hardswish", -3.0, {"2": 1}),
        ("hardswish", 0.0, {}),
        ("leaky_relu", 0.0, {"2": 1}),
        ({"leaky_relu": {"negative_slope": 1}}, 0.0, {}),  # no kink
        ("elu", 0.0, {}),
        ({"elu": {"alpha": 0.5}}, 0.0, {"2": 1}),
        ("silu", 0.0, {}),
    ],
)
def test_ties_are_at_the_kinks_of_any_activation(activation: Any, at: float, found: dict[str, int]) -> None:
    """The gradients before it move by as much as those that the slopes on the two sides make."""
    made = task(True, activation, at)
    exact = Float64(made).step(made.batches[0])
    assert exact.ties == found
    assert (exact.reach["1.weight"] > 1e-4) == bool(found) and exact.reach["3.weight"] < 1e-4


def test_a_gradient_that_differs_by_a_tie_is_accepted() -> None:
    told = compare(True, off("1.weight", 2e-3, only=20))
    assert "gradients differ where rounding decides: ties, layer 2 (relu) 1; judged on images without" in told


def test_without_a_tie_it_is_refused() -> None:
    with pytest.raises(PeerError, match=r"the gradients of 1.weight of fake plain and of nbcnn .* differ by 2.0e-03"):
        compare(False, off("1.weight", 2e-3, only=20))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (off("1.weight", 2e-3), "1.weight"),  # on images without ties too
        (off("1.weight", 5.0, only=20), "1.weight"),  # by more than ties make
        (off("3.weight", 2e-3, only=20), "3.weight"),  # of a layer that no gradient reaches through the tie
    ],
)
def test_a_mistake_is_refused_although_there_are_ties(wrong: Wrong, name: str) -> None:
    sentence = rf"the gradients of {name} of fake plain and of float64 .*; there are ties, which rounding decides "
    with pytest.raises(PeerError, match=sentence + r"\(layer 2 \(relu\) 1\), but they don't explain it"):
        compare(True, wrong)


def test_equal_pixels_of_a_pooling_window_are_a_tie_unless_they_are_the_same() -> None:
    layers = [{"max_pool2d": {"kernel_size": 3, "stride": 2, "padding": 1}}, "flatten", {"linear": {"out_features": 3}}]
    made = task_of(nbcnn.load({**CONFIG, "layers": layers}, overrides=nbcnn.Overrides(threads=1)), 1)
    made.images[:] = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert Float64(made).step(made.batches[0]).ties == {}
    made.images[0] = 7
    assert Float64(made).step(np.array([0])).ties == {}  # both libraries take the first


def test_a_network_whose_backends_auto_chooses_is_judged_too() -> None:
    layers = [{"conv2d": {"out_channels": 2, "kernel_size": 3}}, "flatten", {"linear": {"out_features": 3}}]
    auto, direct = (
        task_of(nbcnn.load({**CONFIG, "layers": layers, "backends": {"conv2d": name}}), 1)
        for name in ("auto", "direct")
    )
    direct.network.load_state_dict(auto.network.state_dict())
    found, expected = (Float64(task).step(task.batches[0]).gradients for task in (auto, direct))
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }
