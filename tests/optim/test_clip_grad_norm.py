"""Gradient clipping, against NumPy in float64 and numbers recorded from PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nbcnn.optim.clip_grad_norm import clip_grad_norm


def drawn(size: int) -> np.ndarray:
    return np.random.default_rng(size).standard_normal(size).astype(np.float32)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100, 1003])
def test_the_norm_is_that_of_all_numbers(size: int) -> None:
    g = drawn(size)
    before, length = g.copy(), float(np.linalg.norm(g.astype(np.float64)))
    assert clip_grad_norm(g, 1e9) == pytest.approx(length, rel=1e-14)
    assert g.tobytes() == before.tobytes()
    assert clip_grad_norm(g, length / 4) == pytest.approx(length, rel=1e-14)
    np.testing.assert_allclose(g, before / 4, rtol=1e-5)
    assert clip_grad_norm(g, 1e9) == pytest.approx(length / 4, rel=1e-5)


def test_as_pytorch_clips() -> None:
    """torch.nn.utils.clip_grad_norm_ on [3, 4, 12] with max_norm 2: the factor is 2 / (13 + 1e-6)."""
    g = np.array([3, 4, 12], np.float32)
    assert clip_grad_norm(g, 2.0) == 13.0
    np.testing.assert_allclose(g, [0.46153843, 0.6153846, 1.8461537], rtol=1e-7)


def test_large_gradients_do_not_overflow() -> None:
    g = np.full(64, 1e30, np.float32)
    assert clip_grad_norm(g, 1.0) == pytest.approx(8e30, rel=1e-6)
    np.testing.assert_allclose(g, 0.125, rtol=1e-6)


def test_nothing_stays_nothing() -> None:
    g = np.zeros(5, np.float32)
    assert clip_grad_norm(g, 1.0) == 0.0 and not g.any()
    assert math.isclose(clip_grad_norm(np.array([1e-9], np.float32), 1e-10), 1e-9, rel_tol=1e-6)
