"""Few images one by one and in a pack: from how many on is the pack faster? ``python tests/benchmarks/one_image.py``

Prints µs for N images either way, one thread; nbcnn.engine.single_image.FEW is where the first of these packs begins to win.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import nbcnn
from nbcnn.config import load_config
from nbcnn.engine import single_image
from nbcnn.engine.engine import Engine
from nbcnn.training.model import Model

STRIDES: list[Any] = [
    {"conv2d": {"out_channels": 16, "kernel_size": 7, "stride": 3}},
    "tanh",
    {"conv2d": {"out_channels": 32, "kernel_size": 5, "stride": 2, "padding": 2}},
    "tanh",
    "flatten",
    {"linear": {"out_features": 200}},
]
COUNTS = (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12)
INPUT = {"channels": 3, "height": 32, "width": 32}


def microseconds(function: Callable[[np.ndarray], object], x: np.ndarray) -> float:
    """The median of 300 calls."""
    took = []
    for _ in range(300):
        since = time.perf_counter()
        function(x)
        took.append(time.perf_counter() - since)
    return 1e6 * float(np.median(took))


def main() -> None:
    strides = Model(load_config({"name": "strides", "input": INPUT, "layers": STRIDES}))
    for network in (nbcnn.load("lenet-d2l"), nbcnn.load("lenet-relu"), strides):
        engine = Engine(network, training=False, threads=1)
        x = np.random.default_rng(0).standard_normal((max(COUNTS), *network.in_shape), np.float32)
        print(f"{network.config.name:12} images   one by one       pack")
        for count in COUNTS:
            took = []
            for few in (count + 1, 0):
                single_image.MOST_SINGLE_IMAGES = few
                engine.predict(x[:count])
                took.append(microseconds(engine.predict, x[:count]))
            print(f"{count:19} {took[0]:12.1f} {took[1]:10.1f}")


if __name__ == "__main__":
    main()
