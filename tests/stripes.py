"""Images that are easy to learn, and a network small enough for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.data import write_idx

TINY: dict[str, Any] = {
    "name": "tiny",
    "input": {"channels": 1, "height": 12, "width": 12},
    "layers": [
        {"conv2d": {"out_channels": 3, "kernel_size": 3}},
        "relu",
        {"max_pool2d": {"kernel_size": 2}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
    "train": {"epochs": 3, "batch_size": 20, "optimizer": {"adam": {"lr": 0.01}}},
}


def write_stripes(folder: Path) -> None:
    """IDX files of 210 and 50 images 12×12 with noise: flat, horizontally and vertically striped."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 210), ("t10k", 50)):
        labels = rng.integers(0, 3, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 12, 12))
        images[labels == 1, ::2] += 150
        images[labels == 2, :, ::2] += 150
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images.astype(np.uint8))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels)
