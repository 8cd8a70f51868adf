"""Runs of networks with batch norm: running statistics are in the pictures' weights, and resume goes on with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nbcnn

CONFIG: dict[str, Any] = {
    "name": "n",
    "input": {"channels": 1, "height": 28, "width": 28},
    "layers": [
        {"avg_pool2d": {"kernel_size": 7, "stride": 7}},
        {"residual": {"body": [{"conv2d": {"out_channels": 1, "kernel_size": 3, "padding": 1}}, "batch_norm2d"]}},
        "flatten",
        {"linear": {"out_features": 10}},
    ],
    "data": {"name": "fashion-mnist-mini"},
    "train": {"batch_size": 500, "epochs": 1, "threads": 1},
}


def test_pictures_are_drawn_and_a_resumed_run_is_the_one_that_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbcnn.train(CONFIG, out=tmp_path / "a")
    assert (tmp_path / "a" / "confusion.png").exists()
    monkeypatch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)  # seconds, and nobody looks at the others
    nbcnn.resume(tmp_path / "a", overrides=nbcnn.Overrides(epochs=2))
    nbcnn.train({**CONFIG, "train": {**CONFIG["train"], "epochs": 2}}, out=tmp_path / "b")
    names = ("state.safetensors", "last.safetensors")
    resumed, whole = (nbcnn.load(tmp_path / run).state_dict() for run in "ab")
    assert {name: tensor.tobytes() for name, tensor in resumed.items()} == {n: t.tobytes() for n, t in whole.items()}
    assert all((tmp_path / run / name).exists() for run in "ab" for name in names)
    assert resumed["1.body.1.num_batches_tracked"] > 0
