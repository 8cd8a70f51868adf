"""A training step of LeNet on 256 images: the serial executor beside the engine on 1 and 2 threads, in turns.

python tests/benchmarks/executors.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np

from nbcnn.config import load_config
from nbcnn.engine.engine import Engine
from nbcnn.engine.serial import SerialExecutor
from nbcnn.training.model import Model

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=15)
rounds = parser.parse_args().rounds

network, random = Model(load_config("lenet-d2l")), np.random.default_rng(0)
images = random.integers(0, 256, (256, *network.in_shape), np.uint8)
labels, order = random.integers(0, 10, 256), np.arange(256)
executors = {
    "serial": SerialExecutor(network),
    "engine, 1 thread": Engine(network, threads=1),
    "engine, 2 threads": Engine(network, threads=2),
}
spent: dict[str, list[float]] = {name: [] for name in executors}
for executor in executors.values():
    executor.train_step(images, labels, order)
for _ in range(rounds):
    for name, executor in executors.items():
        since = time.perf_counter()
        for _ in range(5):
            executor.train_step(images, labels, order)
        spent[name].append((time.perf_counter() - since) / 5)
first = median(spent["serial"])
for name, times in spent.items():
    print(f"{name:18} {256 / median(times):8,.0f} images/s  {first / median(times):.2f} x serial")
