"""A small training that many tests of trust repeat: easy images, a network of a few hundred parameters, many steps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.data import write_idx
from nbcnn.runs import Run

NETWORK = """\
name: small
input: {{channels: 1, height: 12, width: 12}}
layers:
  - conv2d: {{out_channels: 3, kernel_size: 3}}
  - relu
  - max_pool2d: {{kernel_size: 2}}
  - flatten
  - linear: {{out_features: 3}}
data: {{folder: {folder}}}
train: {{epochs: {epochs}, batch_size: 20, seed: {seed}, optimizer: {{adam: {{lr: 0.01}}}}, checkpoint_every: {{steps: 2}}}}
"""

SAME = ("epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""The columns of the metrics that no interruption may change: all but the times."""


def write_small(folder: Path, epochs: int = 3, seed: int = 0) -> Path:
    """The network's YAML and its images, flat or striped with noise, in a folder."""
    data, rng = folder / "stripes", np.random.default_rng(0)
    data.mkdir(parents=True, exist_ok=True)
    for prefix, count in (("train", 210), ("t10k", 50)):
        labels = rng.integers(0, 3, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 12, 12))
        images[labels == 1, ::2] += 150
        images[labels == 2, :, ::2] += 150
        write_idx(data / f"{prefix}-images-idx3-ubyte", images.astype(np.uint8))
        write_idx(data / f"{prefix}-labels-idx1-ubyte", labels)
    path = folder / f"small-{seed}.yaml"
    path.write_text(NETWORK.format(folder=data, epochs=epochs, seed=seed))
    return path


def metrics(run: Run) -> list[dict[str, Any]]:
    """The records without their times; those of the CSV must be the same."""
    lines = [line.split(",")[: len(SAME)] for line in run.metrics_csv.read_text().splitlines()]
    records = [{key: row[key] for key in SAME} for row in run.metrics()]
    assert lines == [list(SAME), *([str(row[key]) for key in SAME] for row in records)]
    return records


def result(folder: Path) -> dict[str, Any]:
    """What a finished training must come to, however often it was interrupted."""
    run = Run.open(folder)
    found: dict[str, Any] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("last.safetensors", "best.safetensors")
    }
    position = json.loads(run.position.read_text())
    return found | {"metrics": metrics(run), "step": position["step"], "epochs": position["epochs"]}
