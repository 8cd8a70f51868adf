"""Gradient and occlusion maps, on networks whose scores are known pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.errors import DataError, ShapeError
from nbcnn.introspect.saliency import saliency
from nbcnn.training.model import Model


def linear(shape: tuple[int, int, int], weight: np.ndarray, **data: Any) -> Model:
    """Scores are the sums of pixels times ``weight`` (K, C, H, W)."""
    c, h, w = shape
    layers = ["flatten", {"linear": {"out_features": len(weight), "bias": False}}]
    given = {
        "name": "t",
        "input": {"channels": c, "height": h, "width": w},
        "layers": layers,
        "data": {"name": "mnist", **data},
    }
    net = Model(load_config(given))
    net.tensors["1.weight"][...] = weight.reshape(len(weight), -1)
    return net


def test_the_gradient_of_a_linear_score_is_its_weights() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 2, 5, 4)).astype(np.float32)
    net = linear((2, 5, 4), weight)
    x = np.random.default_rng(1).normal(size=(2, 2, 5, 4)).astype(np.float32)
    found = saliency(net, x)
    guesses = net(x).argmax(axis=1)
    assert found.classes.tolist() == guesses.tolist()
    np.testing.assert_array_equal(found.gradient, np.abs(weight[guesses]).max(axis=1))
    np.testing.assert_array_equal(found.scores, net(x).max(axis=1))
    other = saliency(net, x, np.array([2, 0]))
    np.testing.assert_array_equal(other.gradient, np.abs(weight[[2, 0]]).max(axis=1))


def test_the_fall_when_a_square_covers_a_linear_score() -> None:
    """What is covered becomes 0, so the score falls by the sum of the weighted pixels in the square."""
    weight = np.random.default_rng(2).normal(size=(2, 1, 6, 7)).astype(np.float32)
    net = linear((1, 6, 7), weight)
    x = np.random.default_rng(3).normal(size=(1, 1, 6, 7)).astype(np.float32)
    found = saliency(net, x, np.array(1), patch=3, stride=2)
    assert (found.tops.tolist(), found.lefts.tolist(), found.patch) == ([0, 2, 3], [0, 2, 4], 3)
    product = (x * weight[1])[0, 0].astype(np.float64)
    for row, top in enumerate(found.tops):
        for column, left in enumerate(found.lefts):
            expected = product[top : top + 3, left : left + 3].sum()
            np.testing.assert_allclose(found.drops[0, row, column], expected, rtol=1e-4, atol=1e-5)
    # the pixel at row 2, column 0 is under the squares at rows 0 and 2, that at 5, 6 under the last one alone
    np.testing.assert_allclose(found.occlusion[0, 2, 0], found.drops[0, :2, 0].mean(), rtol=1e-6)
    np.testing.assert_allclose(found.occlusion[0, 5, 6], found.drops[0, 2, 2], rtol=1e-6)


def test_bytes_are_covered_with_the_mean() -> None:
    weight = np.ones((2, 1, 4, 4), np.float32)
    net = linear((1, 4, 4), weight, mean=[0.4], std=[0.5])
    x = np.full((1, 1, 4, 4), 102, np.uint8)  # 102 / 255 = 0.4: covering changes nothing
    np.testing.assert_allclose(saliency(net, x).drops, 0, atol=1e-6)
    np.testing.assert_array_equal(x, 102)
    bright = saliency(net, np.full((1, 1, 4, 4), 255, np.uint8), patch=2, stride=2)
    np.testing.assert_allclose(bright.drops, 4 * (1 - 0.4) / 0.5, rtol=1e-5)


def test_what_is_refused() -> None:
    net = linear((1, 4, 5), np.ones((2, 1, 4, 5), np.float32))
    x = np.zeros((1, 1, 4, 5), np.float32)
    with pytest.raises(ShapeError, match="got shape \\(1, 1, 5, 4\\)"):
        saliency(net, np.zeros((1, 1, 5, 4), np.float32))
    with pytest.raises(
        ShapeError, match="patch must be from 1 to 4, the image's smaller side, and stride at least 1; got patch 5"
    ):
        saliency(net, x, patch=5)
    with pytest.raises(DataError, match=r"classes are whole numbers from 0 to 1, got \[2\]"):
        saliency(net, x, np.array(2))
