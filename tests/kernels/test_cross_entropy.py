"""Softmax cross-entropy: losses, guesses and gradient against the oracle, and blank images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from kernels import reference_ops as ops
from kernels.conformance import normal
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.registry import backend, backend_names

BACKENDS = backend_names("cross_entropy")


class Result(NamedTuple):
    losses: np.ndarray
    guesses: np.ndarray
    dx: np.ndarray


def run(name: str, x: np.ndarray, labels: Any, scale: Any) -> Result:
    """Twice, on fenced arrays."""
    problem, fence, dtype = LossProblem(len(x), x.dtype.name), GuardedArrays(), x.dtype.name
    chosen = backend("cross_entropy", name)
    kernels, scratch = chosen.build(problem), fence.output("scratch", (chosen.workspace(problem),), dtype)
    scores, weights = fence.input("x", x), fence.input("scale", np.asarray(scale, dtype))
    classes = fence.input("labels", np.asarray(labels, np.int64))
    results = []
    for _ in range(2):
        losses, dx = fence.output("losses", (LANES,), dtype), fence.output("dx", x.shape, dtype)
        guesses = fence.output("guesses", (LANES,), "int64")
        kernels.forward(scores, classes, losses, guesses, scratch)
        kernels.grad_input(scores, classes, weights, dx, scratch)
        results.append(Result(losses, guesses, dx))
    fence.check()
    for first, second in zip(*results, strict=True):
        assert first.tobytes() == second.tobytes()
    return results[0]


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("classes", [1, 2, 10, 37])
def test_backend_is_near_the_oracle(name: str, classes: int, dtype: str) -> None:
    eps, numbers, random = np.finfo(dtype).eps, normal(1, dtype), np.random.default_rng(2)
    x, labels = 3 * numbers(classes, LANES), random.integers(0, classes, LANES)
    scale = random.uniform(0, 2, LANES).astype(dtype)
    got = run(name, x, labels, scale)
    np.testing.assert_allclose(got.losses, ops.cross_entropy(x.T, labels), rtol=8 * eps, atol=8 * eps)
    np.testing.assert_array_equal(got.guesses, x.argmax(0))
    np.testing.assert_allclose(got.dx, ops.cross_entropy_grad(x.T, labels, scale).T, rtol=0, atol=8 * eps)


@pytest.mark.parametrize("name", BACKENDS)
def test_by_hand(name: str, dtype: str) -> None:
    x, labels, scale = np.zeros((4, LANES), dtype), np.zeros(LANES, np.int64), np.zeros(LANES, dtype)
    x[:, 1], labels[1], scale[1] = np.log([1, 2, 3, 4]), 2, 10
    x[:, 2], labels[2], scale[2] = [0, 1e4, 0, 0], 1, 1
    x[:, 3], labels[3], scale[3] = [0, 1e4, 0, 0], 3, 1
    scale[4] = 1
    got, eps = run(name, x, labels, scale), np.finfo(dtype).eps
    np.testing.assert_allclose(got.losses[1:5], [np.log(10 / 3), 0, 1e4, np.log(4)], rtol=4 * eps)
    np.testing.assert_allclose(got.dx[:, 1], [1, 2, -7, 4], rtol=16 * eps)
    np.testing.assert_array_equal(got.dx[:, 2:5].T, [[0, 0, 0, 0], [0, 1, 0, -1], [-0.75, 0.25, 0.25, 0.25]])
    assert got.guesses[:5].tolist() == [0, 3, 1, 1, 0]


@pytest.mark.parametrize("name", BACKENDS)
def test_blank_images_have_no_gradient(name: str, dtype: str) -> None:
    x, scale = 5 * normal(3, dtype)(10, LANES), np.ones(LANES)
    scale[11:] = 0
    dx = run(name, x, np.arange(LANES) % 10, scale).dx
    assert not dx[:, 11:].any()
    assert dx[:, :11].all()
    np.testing.assert_allclose(dx.sum(0), 0, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", BACKENDS)
def test_of_equal_scores_the_first_is_the_guess(name: str, dtype: str) -> None:
    x = np.zeros((5, LANES), dtype)
    x[[1, 3], 0], x[4, 1], x[[0, 4], 2] = 2, 1, -1
    assert run(name, x, np.zeros(LANES), np.ones(LANES)).guesses[:4].tolist() == [1, 4, 1, 0]


@pytest.mark.parametrize("name", BACKENDS)
def test_nan_shows_in_its_image_alone(name: str, dtype: str) -> None:
    x = np.zeros((3, LANES), dtype)
    x[1, 6] = np.nan
    got = run(name, x, np.zeros(LANES), np.ones(LANES))
    assert np.flatnonzero(np.isnan(got.losses)).tolist() == [6]
    assert np.flatnonzero(np.isnan(got.dx).any(0)).tolist() == [6]
    assert 0 <= got.guesses[6] < 3
