"""Sums in blocks with blocks of a few terms, so that they are seen in small problems, also as plain Python."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize

from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend as backend_of
from nbcnn.kernels.registry import backend_names, prepare
from nbcnn.lanes import block_sums

PROBLEMS: list[Any] = [
    Conv2dProblem(12, 5, 7, 6, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, "float64"),
    Conv2dProblem(12, 5, 7, 6, (5, 6), (2, 1), (2, 2, 2, 2), (1, 1), 1, "float64"),
    Conv2dProblem(40, 5, 7, 6, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1, "float64"),
    LinearProblem(70, 50, "float64"),
]


INEXACT = {"fft", "winograd", "winograd_2x2"}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 16 terms; compiled kernels keep theirs, and have to come to the same sums."""
    for name, module in list(sys.modules.items()):
        if name.startswith("nbcnn.kernels.") and getattr(module, "BLOCK", None) == block_sums.BLOCK:
            monkeypatch.setattr(module, "BLOCK", 16)


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]


@parametrize("problem", PROBLEMS, quick=PROBLEMS[2:], ids=str)
@pytest.mark.usefixtures("short")
def test_layers_with_weights(problem: Any) -> None:
    p = problem
    x, w, b, dy = arrays((*p.x_shape, 16), p.w_shape, p.w_shape[:1], (*p.y_shape, 16))
    found = {}
    for name in [n for n in backend_names(p.op) if n not in INEXACT and backend_of(p.op, n).supports(p) is None]:
        kernels, floats = prepare(p, name)
        y, dx, dw, db, scratch = (
            np.empty_like(dy),
            np.empty_like(x),
            np.empty_like(w),
            np.empty_like(b),
            np.empty(floats),
        )
        kernels.forward(x, w, b, y, scratch)
        kernels.grad_input(dy, w, dx, scratch)
        kernels.grad_weight(x, dy, dw, db, scratch)
        found[name] = (y, dx, dw, db)
        np.testing.assert_allclose(db, dy.reshape(len(b), -1).sum(axis=1), rtol=1e-12)
        # y is linear in x, in w and in b, so these products are equal for the true gradients.
        inner = np.vdot(dy, y) - np.vdot(dy.reshape(len(b), -1).sum(axis=1), b)
        np.testing.assert_allclose([np.vdot(dx, x), np.vdot(dw, w)], inner, rtol=1e-10)
    for results in found.values():
        for one, other in zip(results, found["naive"], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", ["avg_pool2d", "max_pool2d"])
@pytest.mark.usefixtures("short")
def test_windows(op: str) -> None:
    p = Pool2dProblem(op, 2, 9, 8, (6, 5), (1, 1), (0, 0, 0, 0), dtype="float64")
    x, dy = arrays((*p.x_shape, 16), (*p.y_shape, 16))
    kernels, floats = prepare(p, "direct")
    y, dx, scratch = np.empty_like(dy), np.empty_like(x), np.empty(floats)
    kernels.forward(x, y, scratch)
    kernels.grad_input(x, y, dy, dx, scratch)
    wanted, back = np.empty_like(y), np.zeros_like(x)
    for i, j in np.ndindex(y.shape[1:3]):
        window = x[:, i : i + 6, j : j + 5].reshape(2, 30, 16)
        wanted[:, i, j] = window.mean(axis=1) if op == "avg_pool2d" else window.max(axis=1)
        share = np.full(window.shape, 1 / 30) if op == "avg_pool2d" else window == window.max(axis=1, keepdims=True)
        back[:, i : i + 6, j : j + 5] += (share * dy[:, i, j][:, None]).reshape(2, 6, 5, 16)
    np.testing.assert_allclose(y, wanted, rtol=1e-12)
    np.testing.assert_allclose(dx, back, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("short")
def test_classes() -> None:
    x, dy = arrays((50, 16), (50, 16))
    p = np.exp(x) / np.exp(x).sum(axis=0)
    wanted = {
        "softmax": (p, p * (dy - (p * dy).sum(axis=0))),
        "log_softmax": (np.log(p), dy - p * dy.sum(axis=0)),
    }
    for op, (forward, backward) in wanted.items():
        kernels, floats = prepare(ElementwiseProblem(op, (50,), "float64"), "direct")
        y, dx, scratch = np.empty_like(x), np.empty_like(x), np.empty(floats)
        kernels.forward(x, y, scratch)
        kernels.grad_input(x, y, dy, dx, scratch)
        np.testing.assert_allclose(y, forward, rtol=1e-9)
        np.testing.assert_allclose(dx, backward, rtol=1e-7, atol=1e-9)
    kernels, floats = prepare(LossProblem(50, "float64"), "direct")
    labels, losses, guesses = np.arange(16), np.empty(16), np.empty(16, np.int64)
    kernels.forward(x, labels, losses, guesses, np.empty(floats))
    np.testing.assert_allclose(losses, -np.log(p[labels, np.arange(16)]), rtol=1e-9)


@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
@pytest.mark.usefixtures("short")
def test_classes_of_one_image(op: str) -> None:
    from importlib import import_module

    (x,) = arrays((50,))
    y = np.empty_like(x)
    import_module(f"nbcnn.kernels.{op}.direct").one_image(x, y, np.empty(64))
    p = np.exp(x) / np.exp(x).sum()
    np.testing.assert_allclose(y, p if op == "softmax" else np.log(p), rtol=1e-9)
