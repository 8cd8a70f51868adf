"""Dropout: shares, scale, gradient, and what its mask depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernels.networks import build

from nbcnn.engine.engine import Engine
from nbcnn.engine.serial import SerialExecutor
from nbcnn.kernels.augmented_packs import AUGMENT_COLUMNS, SHARE, UNMIXED_COLUMNS
from nbcnn.training.model import Model


def network_of(*layers: Any, seed: int = 0) -> Model:
    """These layers before a linear one, on images of 10×10."""
    return build([*layers, "flatten", {"linear": {"out_features": 4}}], size=10, train={"seed": seed})


def masks(network: Model, count: int = 40, step: int = 0, threads: int = 2, order: np.ndarray | None = None) -> bytes:
    """Losses of a training step on ones: each image's is a sum of what was not dropped."""
    engine = Engine(network, threads=threads)
    try:
        x = np.ones((count, 1, 10, 10), np.float32)
        order = np.arange(count) if order is None else order
        return engine.train_step(x, np.zeros(count, np.int64), order, None, step).losses.tobytes()
    finally:
        engine.close()


def kept(p: float, count: int = 64, step: int = 0) -> np.ndarray:
    """(count, 100) what ones become: the gradient of a linear layer's weight by one image is its input times a number."""
    network = network_of({"dropout": {"p": p}})
    engine, found = Engine(network, threads=1), []
    x = np.ones((count, 1, 10, 10), np.float32)
    try:
        for image in range(count):
            engine.train_step(x, np.zeros(count, np.int64), np.array([image]), None, step)
            gradient = engine.gradient
            weight, bias = gradient[:400].reshape(4, 100), gradient[400:]
            found.append(weight[0] / bias[0])
    finally:
        engine.close()
    return np.array(found)


def test_a_share_p_is_0_and_the_others_are_divided_by_what_is_left() -> None:
    for p in (0.1, 0.5, 0.9):
        found = kept(p)
        dropped = np.isclose(found, 0, atol=1e-6)
        np.testing.assert_allclose(found[~dropped], 1 / (1 - p), rtol=1e-5)
        deviation = np.sqrt(p * (1 - p) / found.size)
        assert abs(dropped.mean() - p) < 4 * deviation, p
        for axis, length in ((0, 64), (1, 100)):  # no image and no place is special
            assert np.abs(dropped.mean(axis) - p).max() < 5 * np.sqrt(p * (1 - p) / length), (p, axis)


def test_images_and_places_are_dropped_independently() -> None:
    found = (kept(0.5) > 0).astype(float) - 0.5
    for a in (found, found.T):
        together = 4 * (a @ a.T) / a.shape[1]
        np.fill_diagonal(together, 0)
        assert np.abs(together).max() < 6 / np.sqrt(a.shape[1])


def test_the_mask_is_a_function_of_seed_step_layer_and_image() -> None:
    network = network_of({"dropout": {"p": 0.5}})
    first = masks(network)
    assert all(masks(network, threads=threads) == first for threads in (1, 2, 3))
    assert masks(network, step=1) != first
    other = network_of({"dropout": {"p": 0.5}}, seed=1)
    other.load_state_dict(network.state_dict())
    assert masks(other) != first
    later = network_of("identity", {"dropout": {"p": 0.5}})
    later.load_state_dict(dict(zip(later.tensors, network.tensors.values(), strict=True)))
    assert masks(later) != first
    order = np.random.default_rng(0).permutation(40)
    wanted = np.frombuffer(first, np.float32)[order]
    assert masks(network, order=order) == wanted.tobytes()  # an image has its own, wherever in the batch it is


def test_without_training_nothing_is_dropped() -> None:
    network, plain = network_of({"dropout": {"p": 0.9}}), network_of("identity")
    plain.load_state_dict(network.state_dict())
    x = np.random.default_rng(0).standard_normal((5, 1, 10, 10)).astype(np.float32)
    np.testing.assert_array_equal(network(x), plain(x))
    assert masks(network_of({"dropout": {"p": 0}})) == masks(network_of("identity"))


@pytest.mark.parametrize("columns", [UNMIXED_COLUMNS, AUGMENT_COLUMNS])
def test_augmented_images_have_the_masks_that_they_have_without(columns: int) -> None:
    """By rows of zeros nothing moves, and an image is mixed with itself: the same pixels reach the layer."""
    network = network_of({"dropout": {"p": 0.5}})
    x, order = np.ones((40, 1, 10, 10), np.float32), np.arange(39, -1, -1)
    found = []
    for augmentations in (None, np.zeros((40, columns))):
        if augmentations is not None and columns == AUGMENT_COLUMNS:
            augmentations[:, SHARE] = 1
        for executor in (SerialExecutor(network), Engine(network, threads=1), Engine(network, threads=3)):
            losses = executor.train_step(x, np.zeros(40, np.int64), order, augmentations, 7).losses
            found.append(losses.copy())
            executor.close()
    for losses in found[1:]:
        np.testing.assert_allclose(losses, found[0], rtol=1e-5)
    assert np.ptp(found[0]) > 0.01
