"""Short trainings for exercises: a network on some images, and its accuracy on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbcnn.config import load_config
from nbcnn.data import Dataset, Split, load
from nbcnn.engine.network import Network
from nbcnn.errors import TrainingError
from nbcnn.exercises.engine import BACKEND, network
from nbcnn.training.evaluation import evaluate_with
from nbcnn.training.trainer import Trainer

QUICK = 256
"""Training images of a quick try; as many are tested."""
MORE_OR_FEWER = (
    ("more", "by 5 % or more"),
    ("more", "by less than 5 %"),
    ("fewer", "by less than 5 %"),
    ("fewer", "by 5 % or more"),
)
"""What one network may get right compared to another, as options with two parts."""


class Trained(NamedTuple):
    """A network after its training: the share of test images that it gets right, its mean loss on the last training
    batches, and whether its numbers stopped being numbers on the way."""

    accuracy: float
    loss: float
    diverged: bool
    network: Network


def clothes(train: int, test: int, quick: bool) -> Dataset:
    """The first images of the embedded Fashion-MNIST, for training and for testing."""
    data = load("fashion-mnist-mini")
    sizes = (QUICK, QUICK) if quick else (train, test)
    first, second = (Split(s.images[:n], s.labels[:n]) for s, n in zip((data.train, data.test), sizes, strict=True))
    return Dataset("clothes", first, second, data.classes, "fashion-mnist-mini")


def lenet(
    activation: str = "relu", pool: str = "max_pool2d", widths: tuple[int, int] = (6, 16), kernel: int = 5
) -> list[Any]:
    """LeNet's layers: two convolutions of so many channels that keep the size, each pooled, and three linear ones."""
    layers: list[Any] = []
    for width in widths:
        conv = {"out_channels": width, "kernel_size": kernel, "padding": kernel // 2}
        layers += [{"conv2d": conv}, activation, {pool: {"kernel_size": 2}}]
    layers.append("flatten")
    for features in (120, 84):
        layers += [{"linear": {"out_features": features}}, activation]
    return [*layers, {"linear": {"out_features": 10}}]


def trained(
    layers: Sequence[Any],
    data: Dataset,
    epochs: int,
    optimizer: dict[str, Any],
    seed: int,
    init: str = "xavier_uniform",
) -> Trained:
    """Train layers on a data set, in batches of 64, without a run folder; a divergence ends it early."""
    settings = {"epochs": epochs, "batch_size": 64, "optimizer": optimizer, "init": init, "seed": seed}
    backends = {"conv2d": BACKEND, "linear": BACKEND}
    config = load_config(network(layers, data.shape) | {"train": settings, "backends": backends})
    net = Network(config)
    trainer = Trainer(net, data)
    losses: list[float] = []
    try:
        for _ in range(epochs):
            losses = [trainer.step(order).loss for order in trainer.batches()]
            trainer.position.next_epoch()
        found = evaluate_with(trainer.executor, data)
        right = found.accuracy if np.isfinite(found.loss) else 0.0
        return Trained(right, float(np.mean(losses[-8:])), not np.isfinite(found.loss), net)
    except TrainingError:
        return Trained(float(np.mean(data.test.labels == 0)), float("inf"), True, net)
    finally:
        trainer.close()


def scores(net: Network, images: np.ndarray) -> np.ndarray:
    """The scores (N, 10) of a trained network for bytes (N, C, H, W)."""
    from nbcnn.engine.engine import Engine

    engine = Engine(net, training=False, threads=net.config.train.threads)
    try:
        return engine.predict(np.ascontiguousarray(images))
    finally:
        engine.close()
