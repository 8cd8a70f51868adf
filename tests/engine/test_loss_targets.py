"""Label smoothing and class weights, against PyTorch's definition, numbers recorded from PyTorch, and by hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from configs import written

from nbcnn.config import load_config
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine.engine import Engine
from nbcnn.engine.loss_targets import loss_targets
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import ConfigError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy._soft_targets import soft_gradient, soft_loss

SCORES = [[0.5, -1.25, 2.0, 0.0], [1.5, 0.25, -0.75, 3.0], [-2.0, 0.0, 1.0, 0.5], [4.0, -4.0, 0.125, 1.0], [0.0] * 4]
LABELS = [2, 0, 1, 0, 3]
PYTORCH: list[tuple[list[float] | None, float, float, list[list[float]]]] = [
    ([0.5, 2.0, 1.0, 0.25], 0.0, 1.17903310931, [
        [0.037574952949, 0.006529547749, -0.066894861698, 0.022790361001],
        [-0.097617230917, 0.005738641776, 0.00211112833, 0.089767460811],
        [0.011574568426, -0.385063099872, 0.232481421495, 0.14100710995],
        [-0.007786567628, 3.6854089e-05, 0.002280081753, 0.005469631786],
        [0.014705882353, 0.014705882353, 0.014705882353, -0.044117647059],
    ]),
    (None, 0.1, 1.173607102026, [
        [0.026938710006, 0.000550115587, -0.041860632444, 0.014371806851],
        [-0.150949292558, 0.004755691019, -0.00141108184, 0.147604683379],
        [-8.0808419e-05, -0.148651817445, 0.093804604135, 0.054928021729],
        [0.001762835032, -0.004937348049, -0.00112386102, 0.004298374036],
        [0.045, 0.045, 0.045, -0.135],
    ]),
    ([0.5, 2.0, 1.0, 0.25], 0.2, 1.559325480542, [
        [0.031222913096, -0.017081483363, -0.033705734751, 0.019564305018],
        [-0.076464952209, -0.016786507678, -0.009284130095, 0.102535589983],
        [0.00446241759, -0.323561910216, 0.196015564579, 0.123083928048],
        [0.029086077154, -0.02348610821, -0.009085609822, 0.003485640878],
        [0.016911764706, -0.000735294118, 0.011029411765, -0.027205882353],
    ]),
]  # fmt: skip
"""Weights, smoothing, the loss of SCORES and LABELS, and its gradient: CrossEntropyLoss of PyTorch 2.13 in float64."""


def network(classes: int = 4, dtype: str = "float32", **train: Any) -> Network:
    layers = ["flatten", {"linear": {"out_features": classes}}]
    shape = {"channels": 1, "height": 1, "width": 4}
    return Network(load_config({"name": "n", "input": shape, "layers": layers, "train": train}), dtype)


def defined(scores: np.ndarray, labels: np.ndarray, weights: Any, smoothing: float) -> tuple[float, np.ndarray]:
    """PyTorch's definition in float64: the loss, and its gradient by the scores."""
    scores, k = scores.astype(np.float64), scores.shape[1]
    w = np.ones(k) if weights is None else np.asarray(weights, np.float64)
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    t = smoothing / k * np.tile(w, (len(scores), 1))
    t[np.arange(len(labels)), labels] += (1 - smoothing) * w[labels]
    total = w[labels].sum()
    return float(-(t * np.log(p)).sum() / total), (t.sum(1, keepdims=True) * p - t) / total


@pytest.mark.parametrize("case", range(len(PYTORCH)))
def test_the_definition_is_pytorchs(case: int) -> None:
    weights, smoothing, loss, gradient = PYTORCH[case]
    found = defined(np.array(SCORES), np.array(LABELS), weights, smoothing)
    assert found[0] == pytest.approx(loss, abs=1e-11)
    np.testing.assert_allclose(found[1], gradient, rtol=0, atol=1e-11)


SETTINGS: list[dict[str, Any]] = [
    {"label_smoothing": 0.1},
    {"class_weights": [0.5, 2.0, 1.0, 0.25]},
    {"class_weights": [0.5, 2.0, 1.0, 0.25], "label_smoothing": 0.25},
]


def step(executor: Engine | SerialExecutor, count: int) -> tuple[float, bytes, np.ndarray]:
    """Loss, the gradient's bits, and the gradient of the weights, from pixels drawn from a seed."""
    random = np.random.default_rng(5)
    x = random.standard_normal((count, 1, 1, 4)).astype(executor.network.dtype)
    labels = random.integers(0, 4, count)
    losses = executor.train_step(x, labels, np.arange(count)).losses
    assert executor.targets is not None
    loss = float(losses.sum(dtype=np.float64)) / executor.targets.total(labels)
    scores = x.reshape(count, 4) @ executor.network.tensors["1.weight"].T + executor.network.tensors["1.bias"]
    settings = executor.network.config.train
    wanted = defined(scores, labels, settings.class_weights, settings.label_smoothing)
    eps = float(np.finfo(executor.network.dtype).eps)
    assert loss == pytest.approx(wanted[0], rel=50 * eps)
    np.testing.assert_allclose(executor.gradient[:16].reshape(4, 4), wanted[1].T @ x.reshape(count, 4), atol=50 * eps)
    np.testing.assert_allclose(executor.gradient[16:], wanted[1].sum(0), atol=50 * eps)
    return loss, executor.gradient.tobytes(), losses


@pytest.mark.parametrize(("settings", "count"), list(product(SETTINGS, [1, 16, 37])))
def test_a_step_follows_the_definition_with_the_same_bits_on_any_number_of_threads(
    settings: dict[str, Any], count: int, dtype: str
) -> None:
    serial = SerialExecutor(network(dtype=dtype, **settings))
    wanted = step(serial, count)
    for threads in (1, 2, 4):
        engine = Engine(network(dtype=dtype, **settings), threads=threads)
        try:
            found = step(engine, count)
        finally:
            engine.close()
        assert found[:2] == wanted[:2] and found[2].tobytes() == wanted[2].tobytes()


def test_evaluation_has_the_plain_loss() -> None:
    random = np.random.default_rng(6)
    x, labels, order = (
        random.standard_normal((20, 1, 1, 4)).astype(np.float32),
        random.integers(0, 4, 20),
        np.arange(20),
    )
    plain, soft = Engine(network(), threads=1), Engine(network(**SETTINGS[2]), threads=1)
    try:
        wanted = plain.evaluate(x, labels, order)
        soft.train_step(x, labels, order)  # the same arrays, which the engine knows again
        found = soft.evaluate(x, labels, order)
        assert found.losses.tobytes() == wanted.losses.tobytes()
        assert soft.train_step(x, labels, order).losses.tobytes() != wanted.losses.tobytes()
    finally:
        plain.close()
        soft.close()


@pytest.mark.parametrize("classes", [1, 2, 10, 37, 300])
def test_kernels_are_near_the_definition_and_write_nothing_else(classes: int, dtype: str) -> None:
    random, fence = np.random.default_rng(classes), GuardedArrays()
    weights, smoothing = random.uniform(0.25, 4, classes), 0.1
    targets = loss_targets(network(classes, dtype, class_weights=weights.tolist(), label_smoothing=smoothing))
    assert targets is not None
    x = (3 * random.standard_normal((classes, LANES))).astype(dtype)
    labels = random.integers(0, classes, LANES)
    scale = (random.uniform(0, 2, LANES) * (np.arange(LANES) < 13)).astype(dtype)
    wanted = np.array([defined(x[:, [l]].T, labels[[l]], weights, smoothing) for l in range(LANES)], dtype=object)
    plain = np.array([defined(x[:, [l]].T, labels[[l]], None, 0.0)[0] for l in range(LANES)])
    losses, dx = fence.output("losses", (LANES,), dtype), fence.output("dx", x.shape, dtype)
    losses[:] = plain
    given = fence.input("x", x), fence.input("labels", labels)
    numbers = fence.input("targets", targets.numbers)
    soft_loss(*given, losses, numbers)
    soft_gradient(*given, fence.input("scale", scale), dx, numbers)
    fence.check()
    eps, own = np.finfo(dtype).eps, weights[labels]
    np.testing.assert_allclose(losses, wanted[:, 0].astype(float) * own, rtol=30 * eps, atol=30 * eps)
    gradients = np.array([one[0] for one in wanted[:, 1]]).T * own * scale
    np.testing.assert_allclose(dx, gradients, rtol=0, atol=60 * eps)
    assert not dx[:, 13:].any()


def test_class_weights_alone_leave_infinite_scores_as_they_are() -> None:
    targets = loss_targets(network(2, class_weights=[1.0, 3.0]))
    assert targets is not None
    x = np.zeros((2, LANES), np.float32)
    x[0] = -np.inf
    losses = np.zeros(LANES, np.float32)
    soft_loss(x, np.ones(LANES, np.int64), losses, targets.numbers)
    assert losses.tolist() == [0.0] * LANES


def test_as_many_weights_as_scores(tmp_path: Path) -> None:
    text = "name: n\ninput: {channels: 1, height: 1, width: 4}\nlayers: [flatten, linear: {out_features: 4}]\n"
    config = load_config(written(tmp_path, text + "train: {class_weights: [1, 2, 3]}"))
    words = r"x\.yaml:4:24: train\.class_weights: expected 4 weights, one for each of the 4 scores that .*, got 3"
    with pytest.raises(ConfigError, match=words):
        Engine(Network(config), threads=1)
    assert loss_targets(network()) is None
