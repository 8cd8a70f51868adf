"""A small training that many tests of trust repeat: a network of a few hundred parameters, a save every two steps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from stripes import TINY, write_stripes

from nbcnn.config.writer import to_yaml
from nbcnn.runs.run_folder import Run

SAME = ("epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""The columns of the metrics that no interruption may change: all but the times."""


def write_small(folder: Path, epochs: int = 3, seed: int = 0) -> Path:
    """The network's YAML and its images in a folder; returns the YAML's path."""
    write_stripes(folder / "stripes")
    path = folder / f"small-{seed}.yaml"
    path.write_text(
        to_yaml(
            TINY
            | {
                "name": "small",
                "data": {"folder": str(folder / "stripes")},
                "train": TINY["train"] | {"epochs": epochs, "seed": seed, "checkpoint_every": {"steps": 2}},
            }
        )
    )
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
