"""A training step of LeNet on 256 images and 2 threads: from a call list, and with every kernel called from Python.

    python tests/benchmarks/call_list.py [--rounds 21]

Both take turns; figures are medians of the rounds. All else is measured by ``nbcnn bench``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from nbcnn.autotune.sampler import Contender, take_rounds
from nbcnn.bench.rows import Row, as_rates
from nbcnn.config import load_config
from nbcnn.engine.engine import Engine
from nbcnn.training.model import Model


class OneByOne:
    """In a call list's place: Python makes every call, and chooses every pack."""

    native = False

    def __init__(self, calls: list[Any]) -> None:
        self._calls = calls

    def __call__(self) -> None:
        """Make them."""
        for kernel, arrays in self._calls:
            kernel(*arrays)


def steps() -> dict[str, Callable[[], object]]:
    """Both ways, on the same images."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (256, 1, 28, 28), dtype=np.uint8), rng.integers(0, 10, 256)
    call_list, calls = (Engine(Model(load_config("lenet-d2l")), threads=2) for _ in range(2))
    order = np.arange(256)
    calls.train_step(images, labels, order)
    for worker in calls.workers:
        made = [(call.kernel, call.arrays) for call in worker.stages("train")[0].calls]
        worker.use("train", OneByOne(made))
    return {
        "from a call list": lambda: call_list.train_step(images, labels, order),
        "call by call": lambda: calls.train_step(images, labels, order),
    }


def main() -> None:
    """Print both rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    samples = take_rounds([Contender(name, run) for name, run in steps().items()], rounds)
    row = Row("training", "training step", "images/s", True, as_rates(samples, 256))
    for name in samples:
        print(f"LeNet's training step, 2 threads, {name}: {row.median(name):,.0f} images/s")


if __name__ == "__main__":
    main()
