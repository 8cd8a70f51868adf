"""batch_norm2d and batch_norm1d against formulas in float64, numeric gradients through the engine, state, refusals."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from plain_python import SLOWLY

from nbcnn.config import load_config
from nbcnn.engine.engine import Engine
from nbcnn.errors import CheckpointError, NbcnnError, ShapeError
from nbcnn.training.model import Model


def build(*layers: Any, dtype: str = "float32", channels: int = 3, height: int = 4, width: int = 5) -> Model:
    size = {"channels": channels, "height": height, "width": width}
    return Model(load_config({"name": "t", "input": size, "layers": list(layers)}), dtype)


def after_steps(network: Model, batches: list[np.ndarray], threads: int = 2) -> np.ndarray:
    """Losses of the last training step; parameters stay, running statistics move."""
    engine = Engine(network, threads=threads)
    try:
        for step, x in enumerate(batches):
            labels = np.arange(len(x)) % network.out_shape[0]
            losses = engine.train_step(x, labels, np.arange(len(x)), None, step).losses
        return losses.copy()
    finally:
        engine.close()


def data(network: Model, count: int, seed: int = 0, mean: float = 3, deviation: float = 2) -> np.ndarray:
    random = np.random.default_rng(seed)
    shift = np.arange(network.in_shape[0]).reshape(-1, 1, 1)
    return (mean + shift + deviation * random.standard_normal((count, *network.in_shape))).astype(network.dtype)


def normalised(x: np.ndarray, weight: Any, bias: Any, eps: float) -> np.ndarray:
    """Σ over images, rows and columns; the biased variance, in float64."""
    x = x.astype("f8")
    axes = (0, *range(2, x.ndim))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    shape = [-1, *[1] * (x.ndim - 2)]
    return np.asarray((x - mean) / np.sqrt(var + eps) * np.reshape(weight, shape) + np.reshape(bias, shape))


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    m = scores.max(1, keepdims=True)
    return np.asarray(np.log(np.exp(scores - m).sum(1)) + m[:, 0] - scores[np.arange(len(scores)), labels])


COUNTS = [2, 16, 17, 75]
"""Packs of 16 that are full, or not: what stands in their blank lanes counts for nothing."""


@pytest.mark.parametrize("count", COUNTS)
def test_training_takes_the_batchs_own_biased_variance(count: int) -> None:
    network = build({"batch_norm2d": {"eps": 0.25}}, "global_avg_pool2d", "flatten", channels=3)
    twice = build({"batch_norm2d": {"eps": 0.25}}, "tanh", "global_avg_pool2d", "flatten", channels=3)
    for one, bend in ((network, lambda v: v), (twice, np.tanh)):
        one.tensors["0.weight"][:], one.tensors["0.bias"][:] = [2, -1, 0.5], [0, 3, 1]
        x = data(one, count)
        scores = bend(normalised(x, [2, -1, 0.5], [0, 3, 1], 0.25)).mean((2, 3))
        np.testing.assert_allclose(after_steps(one, [x]), cross_entropy(scores, np.arange(count) % 3), rtol=2e-5)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("momentum", [0.1, 1.0, 0.0, None])
def test_running_statistics_are_pytorchs(momentum: float | None, count: int) -> None:
    """Variance divided by n - 1; new = (1 - momentum)·old + momentum·batch; null: the mean over batches."""
    network = build({"batch_norm2d": {"momentum": momentum}}, "flatten")
    batches = [data(network, size, seed) for seed, size in enumerate((count, 33, count))]
    after_steps(network, batches)
    mean, var = np.zeros(3), np.ones(3)
    for number, x in enumerate(batches, 1):
        share = 1 / number if momentum is None else momentum
        mean = (1 - share) * mean + share * x.astype("f8").mean((0, 2, 3))
        var = (1 - share) * var + share * x.astype("f8").var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(network.tensors["0.running_mean"], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network.tensors["0.running_var"], var, rtol=1e-5)
    assert network.tensors["0.num_batches_tracked"] == 3
    x = data(network, 5, 9)
    shown = (x.astype("f8") - mean.reshape(-1, 1, 1)) / np.sqrt(var.reshape(-1, 1, 1) + 1e-5)
    np.testing.assert_allclose(network(x), shown.reshape(5, -1), rtol=1e-4, atol=1e-5)


def test_features_have_one_number_an_image() -> None:
    network = build("flatten", "batch_norm1d", channels=4, height=1, width=1)
    x = data(network, 37)
    losses = after_steps(network, [x])
    flat = x.reshape(37, 4)
    np.testing.assert_allclose(losses, cross_entropy(normalised(flat, 1, 0, 1e-5), np.arange(37) % 4), rtol=2e-5)
    np.testing.assert_allclose(network.tensors["1.running_var"], 0.9 + 0.1 * flat.var(0, ddof=1), rtol=1e-5)


def test_a_small_variance_beside_a_large_mean_is_not_lost() -> None:
    """Σx² - m² in float32 would have nothing left of 0.01 beside 10⁸."""
    network = build({"batch_norm2d": {"momentum": 1.0}}, "flatten", height=12, width=12)
    x = data(network, 75, mean=1e4, deviation=0.1)
    after_steps(network, [x])
    wide = x.astype("f8")
    np.testing.assert_allclose(network.tensors["0.running_mean"], wide.mean((0, 2, 3)), rtol=2e-7)
    np.testing.assert_allclose(network.tensors["0.running_var"], wide.var((0, 2, 3), ddof=1), rtol=1e-3)


NUMERIC: dict[str, list[Any]] = {
    "a chain": [{"conv2d": {"out_channels": 2, "kernel_size": 2}}, "batch_norm2d", "tanh", "flatten", {"linear": {"out_features": 3}}, "batch_norm1d"],
    "without weights": [{"conv2d": {"out_channels": 2, "kernel_size": 2}}, {"batch_norm2d": {"affine": False}}, "flatten", {"linear": {"out_features": 3}}],
    "branches": [
        "batch_norm2d",
        {"residual": {"body": [{"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1}}, "batch_norm2d"], "shortcut": [{"conv2d": {"out_channels": 4, "kernel_size": 1}}, "batch_norm2d"]}},
        {"dense": [{"sequential": ["batch_norm2d", {"conv2d": {"out_channels": 2, "kernel_size": 1}}]}]},
        {"parallel": {"merge": "multiply", "branches": [["identity"], ["global_avg_pool2d", "batch_norm2d", "sigmoid"]]}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
    "a sum of three": [
        {"parallel": {"merge": "add", "branches": [[{"conv2d": {"out_channels": 2, "kernel_size": 1}}, "batch_norm2d"], [{"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}, "tanh"], ["identity"]]}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
}  # fmt: skip


@parametrize("which", NUMERIC, quick=set(NUMERIC) - {"branches"})
def test_gradients_are_the_slopes_of_the_loss(which: str) -> None:
    """Central differences of a batch of 19, over two stages and more, for every parameter (plain Python: every 15th)."""
    network = build(*NUMERIC[which], dtype="float64", channels=2, height=3, width=3)
    random = np.random.default_rng(3)
    network.parameters += 0.3 * random.standard_normal(network.parameters.size)
    x, labels, order = data(network, 19), np.arange(19) % 3, np.arange(19)
    engine = Engine(network, threads=2)
    try:

        def loss() -> float:
            return float(engine.train_step(x, labels, order).losses.mean())

        loss()
        gradient = engine.gradient.copy()
        found = gradient.copy()
        for k in range(0, network.parameters.size, 15 if SLOWLY else 1):
            kept = network.parameters[k]
            network.parameters[k] = kept + 1e-5
            above = loss()
            network.parameters[k] = kept - 1e-5
            found[k] = (above - loss()) / 2e-5
            network.parameters[k] = kept
    finally:
        engine.close()
    np.testing.assert_allclose(gradient, found, rtol=1e-5, atol=2e-9)
    assert np.abs(gradient).max() > 1e-3


def test_state_is_pytorchs_and_goes_with_copies() -> None:
    network = build({"conv2d": {"out_channels": 2, "kernel_size": 2}}, "batch_norm2d", "flatten", "batch_norm1d")
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert list(network.tensors) == ["0.weight", "0.bias", *(f"{k}.{name}" for k in (1, 3) for name in names)]
    assert network.tensors["1.num_batches_tracked"].dtype == np.int64
    assert network.tensors["1.num_batches_tracked"].shape == ()
    after_steps(network, [data(network, 20)])
    state = network.state_dict()
    for other in (copy.copy(network), copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert list(other.tensors) == list(state)
        for name, tensor in state.items():
            assert other.tensors[name].tobytes() == tensor.tobytes(), name
            home = other.parameters if name.rpartition(".")[2] in ("weight", "bias") else other.buffers[name]
            assert np.shares_memory(other.tensors[name], home), name
    fresh = build({"conv2d": {"out_channels": 2, "kernel_size": 2}}, "batch_norm2d", "flatten", "batch_norm1d")
    x, views = data(network, 3), {name: id(tensor) for name, tensor in fresh.tensors.items()}
    before = fresh(x)
    fresh.load_state_dict(state)
    assert {name: id(tensor) for name, tensor in fresh.tensors.items()} == views
    assert fresh(x).tobytes() == network(x).tobytes() != before.tobytes()  # its engine sees what was loaded
    with pytest.raises(CheckpointError, match=r"3\.running_var"):
        fresh.load_state_dict({name: tensor for name, tensor in state.items() if name != "3.running_var"})


def test_one_value_a_channel_has_no_variance() -> None:
    network = build("global_avg_pool2d", "batch_norm2d", "flatten")
    engine = Engine(network, threads=1)
    try:
        with pytest.raises(
            ShapeError, match=r"layers\[1\]\.batch_norm2d: it has one number a channel and image, so .*0/0"
        ):
            engine.train_step(data(network, 1), np.zeros(1, np.int64), np.zeros(1, np.int64))
        assert np.isfinite(engine.predict(data(network, 1))).all()
    finally:
        engine.close()
    pixels = build("batch_norm2d", "flatten", height=1, width=2)  # two values a channel in one image
    assert np.isfinite(after_steps(pixels, [data(pixels, 1)])).all()


WRONG: list[tuple[list[Any], str]] = [
    (["flatten", "batch_norm2d"], "layers[1].batch_norm2d: "),
    (["batch_norm1d"], "layers[0].batch_norm1d: batch_norm1d takes a vector (F,), got (3, 4, 5); use batch_norm2d"),
    ([{"batch_norm2d": {"momentum": 1.5}}], "layers[0].batch_norm2d.momentum: expected a number from 0 to 1, or null, got 1.5"),
    ([{"batch_norm2d": {"eps": 0}}], "layers[0].batch_norm2d.eps: expected a number above 0, got 0"),
    ([{"dropout": {"p": 1}}], "layers[0].dropout.p: expected a number of at least 0 and below 1, got 1"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_wrong_is_said(layers: list[Any], words: str) -> None:
    with pytest.raises(NbcnnError) as caught:
        build(*layers)
    assert str(caught.value).startswith(words)
