"""Few images one by one and in a pack: from how many on is the pack faster? ``python tests/benchmarks/one_image.py``

Prints µs for N images either way, one thread, and where the pack begins to win: nbcnn.single.FEW is below that.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import nbcnn
from nbcnn import single
from nbcnn.engine import Engine

MODELS = ("lenet-d2l", "lenet-relu")
COUNTS = (1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 14)


def microseconds(function: Callable[[], object]) -> float:
    """The median of 300 calls."""
    took = []
    for _ in range(300):
        since = time.perf_counter()
        function()
        took.append(time.perf_counter() - since)
    return 1e6 * float(np.median(took))


def main() -> None:
    for model in MODELS:
        net = nbcnn.load(model)
        engine = Engine(net, training=False, threads=1)
        x = np.random.default_rng(0).standard_normal((max(COUNTS), *net.in_shape), np.float32)
        print(f"{model:12} images   one by one       pack")
        for count in COUNTS:
            took = {}
            for way, few in (("one by one", count + 1), ("pack", 0)):
                single.FEW = few
                engine.predict(x[:count])
                took[way] = microseconds(lambda count=count: engine.predict(x[:count]))  # type: ignore[misc]
            print(f"{count:19} {took['one by one']:12.1f} {took['pack']:10.1f}")


if __name__ == "__main__":
    main()
