"""Trainings with clipped gradients, smoothed labels and weighted classes: the record, and going on to the same bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.training.gradient_clipping import GradientClipping
from training.test_learning_rate import cut
from training.test_resume import config, outcome

pytestmark = pytest.mark.usefixtures("no_pictures")

NORM = 0.5
LOSS: dict[str, Any] = {"label_smoothing": 0.1, "class_weights": [1.0, 2.0, 0.5]}


def norms(run: Any) -> list[float | None]:
    return [record["grad_norm"] for record in run.metrics()]


def test_the_mean_norm_of_an_epoch_is_recorded_before_clipping() -> None:
    clipping = GradientClipping(2.0)
    for length in (3.0, 1.0, 5.0):
        g = np.array([length, 0], np.float32)
        clipping.clip(g)
        assert g[0] == pytest.approx(min(length, 2.0), rel=1e-5)
    assert clipping.end_epoch() == 3.0
    assert clipping.end_epoch() is None


def test_without_clipping_nothing_is_changed_or_kept() -> None:
    clipping, g = GradientClipping(None), np.full(3, 1e9, np.float32)
    clipping.clip(g)
    assert (g == np.float32(1e9)).all() and clipping.state == {} and clipping.end_epoch() is None


@pytest.mark.trust
@pytest.mark.parametrize("steps", [15, 22])
@pytest.mark.parametrize("train", [{"clip_grad_norm": NORM}, LOSS, {**LOSS, "clip_grad_norm": NORM}])
def test_resumed_it_ends_with_the_same_bits(train: dict[str, Any], steps: int, stripes: Path, tmp_path: Path) -> None:
    whole = nbcnn.train(config(stripes, threads=1, **train), out=tmp_path / "whole")
    stopped = cut(tmp_path / "cut", stripes, steps, **train)
    resumed = nbcnn.resume(stopped.folder, threads=2)
    assert outcome(resumed) == outcome(whole)
    assert norms(resumed) == norms(whole)
    assert all(norms(whole)) == ("clip_grad_norm" in train)
    plain = nbcnn.train(config(stripes), out=tmp_path / "plain")
    assert outcome(plain)["last.safetensors"] != outcome(whole)["last.safetensors"]


def test_a_norm_that_no_gradient_reaches_has_the_bits_of_none(stripes: Path, tmp_path: Path) -> None:
    plain = nbcnn.train(config(stripes), out=tmp_path / "plain")
    loose = nbcnn.train(config(stripes, clip_grad_norm=1e6), out=tmp_path / "loose")
    assert outcome(loose)["last.safetensors"] == outcome(plain)["last.safetensors"]
    assert norms(plain) == [None] * 3
