"""From the start of a process to its first finished training step of LeNet, cold and warm, and peak memory.

    python tests/benchmarks/first_step.py [--rounds 5] [--model lenet-d2l]

Cold is an empty cache of compiled kernels, warm a filled one. Where PyTorch is installed it runs beside, in turn. Peak
memory is that of a process after a whole epoch over 10,000 images.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from statistics import median

NBCNN = """
import sys, time
from nbcnn.config import Overrides, load_config
from nbcnn.data import load_dataset
from nbcnn.engine import Engine
from nbcnn.network import Network
from nbcnn.optim import OPTIMIZERS
import numpy as np
network = Network(load_config(sys.argv[2], Overrides(data="fashion-mnist-mini")))
data, engine, choice = load_dataset(network.config.data).train, Engine(network, threads=2), network.config.train.optimizer
optimizer = OPTIMIZERS.get(choice.name)(choice.config, network.parameters.size)
def step(first):
    engine.train_step(data.images, data.labels, np.arange(first, first + 250))
    optimizer.step(network.parameters, engine.gradient)
step(0)
seconds = time.time() - float(sys.argv[1])
"""

TORCH = """
import sys, time
import torch
torch.set_num_threads(2)
from torch import nn
net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid(),
    nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))
optimizer, loss = torch.optim.SGD(net.parameters(), lr=0.9), nn.CrossEntropyLoss()
x, y = torch.rand(10000, 1, 28, 28), torch.randint(0, 10, (10000,))
def step(first):
    optimizer.zero_grad()
    loss(net(x[first:first + 250]), y[first:first + 250]).backward()
    optimizer.step()
step(0)
seconds = time.time() - float(sys.argv[1])
"""

EPOCH = """
for first in range(0, 10000, 250):
    step(first)
import json, resource
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def run(program: str, model: str, cache: str) -> tuple[float, float]:
    """Seconds to the first step, and the peak memory in MB."""
    import time

    environment = {**os.environ, "NBCNN_CACHE_DIR": cache}
    command = [sys.executable, "-c", program + EPOCH, str(time.time()), model]
    seconds, megabytes = json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
    return seconds, megabytes


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="lenet-d2l")
    options = parser.parse_args()
    results: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as kept:
        run(NBCNN, options.model, kept)
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as empty:
                results.setdefault("nbcnn, cold", []).append(run(NBCNN, options.model, empty))
            results.setdefault("nbcnn, warm", []).append(run(NBCNN, options.model, kept))
            if find_spec("torch"):
                results.setdefault("torch", []).append(run(TORCH, options.model, kept))
    for name, values in results.items():
        seconds = [value[0] for value in values]
        memory = median(value[1] for value in values)
        print(
            f"{name:<12} first step after {median(seconds):5.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), peak {memory:.0f} MB"
        )


if __name__ == "__main__":
    main()
