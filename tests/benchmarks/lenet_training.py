"""Training throughput of LeNet beside PyTorch's, interleaved in one process: medians and their ratio.

    python tests/benchmarks/lenet_training.py [--threads 2] [--batch-size 256] [--rounds 9] [--model lenet-d2l]

Needs ``pip install torch==2.13.0`` (CPU) in the environment of nbcnn; nothing else of nbcnn ever does. Both train on the
same images held in memory, with the same number of threads. PyTorch runs eager, once as it comes and once in
channels_last; the better of the two is its figure. A round gives each contender the same number of steps in turn.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np

STEPS = 20


def nbcnn_steps(model: str, threads: int, images: np.ndarray, labels: np.ndarray, batch: int) -> Callable[[], None]:
    """A function that makes STEPS training steps: as nbcnn.train does, gathering from uint8 included."""
    from nbcnn.config import load_config
    from nbcnn.engine import Engine
    from nbcnn.network import Network
    from nbcnn.optim import OPTIMIZERS

    network = Network(load_config(model))
    engine = Engine(network, threads=threads)
    choice = network.config.train.optimizer
    optimizer = OPTIMIZERS.get(choice.name)(choice.config, network.parameters.size)
    orders = np.split(np.random.default_rng(0).permutation(STEPS * batch), STEPS)

    def run() -> None:
        for order in orders:
            engine.train_step(images, labels, order)
            optimizer.step(network.parameters, engine.gradient)

    return run


def torch_steps(
    model: str, threads: int, images: np.ndarray, labels: np.ndarray, batch: int, last: bool
) -> Callable[[], None]:
    """The same steps in PyTorch: the images are floats in memory already, the batches cut, no DataLoader."""
    import torch

    from nbcnn.config import load_config
    from nbcnn.network import Network

    torch.set_num_threads(threads)
    network = Network(load_config(model))
    kinds = {
        "conv2d": lambda layer: torch.nn.Conv2d(
            layer.in_shape[0],
            layer.config.out_channels,
            layer.config.kernel_size,
            layer.config.stride,
            layer.config.padding,
        ),
        "linear": lambda layer: torch.nn.Linear(layer.in_shape[0], layer.config.out_features),
        "avg_pool2d": lambda layer: torch.nn.AvgPool2d(layer.config.kernel_size, layer.config.stride),
        "max_pool2d": lambda layer: torch.nn.MaxPool2d(layer.config.kernel_size, layer.config.stride),
        "sigmoid": lambda layer: torch.nn.Sigmoid(),
        "relu": lambda layer: torch.nn.ReLU(),
        "flatten": lambda layer: torch.nn.Flatten(),
    }
    net: Any = torch.nn.Sequential(*(kinds[layer.kind](layer) for layer in network.layers()))
    net.load_state_dict({name: torch.from_numpy(value) for name, value in network.state_dict().items()})
    x = torch.from_numpy(images[: STEPS * batch]).float() / 255
    if last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    order = torch.from_numpy(np.random.default_rng(0).permutation(STEPS * batch))
    xs, ys = x[order].split(batch), torch.from_numpy(labels)[order].split(batch)
    choice = network.config.train.optimizer
    lr: float = choice.config.lr  # type: ignore[attr-defined]
    made = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[choice.name]
    optimizer = made(net.parameters(), lr=lr)
    loss_of = torch.nn.CrossEntropyLoss()

    def run() -> None:
        for x, y in zip(xs, ys, strict=True):
            optimizer.zero_grad()
            loss_of(net(x), y).backward()
            optimizer.step()

    return run


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--model", default="lenet-d2l")
    options = parser.parse_args()
    if find_spec("torch") is None:
        parser.error("PyTorch is not installed here: pip install torch==2.13.0")
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (STEPS * options.batch_size, 1, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, len(images))
    case = (options.model, options.threads, images, labels, options.batch_size)
    contenders = {
        "nbcnn": nbcnn_steps(*case),
        "torch eager": torch_steps(*case, last=False),
        "torch channels_last": torch_steps(*case, last=True),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(options.rounds + 1):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            if round_:  # the first round warms up
                rates[name].append(len(images) / (time.perf_counter() - started))
    medians = {name: median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"{name:<20} {medians[name]:>9,.0f} images/s   ({min(values):,.0f} to {max(values):,.0f})")
    ratios = {name: median(a / b for a, b in zip(rates["nbcnn"], rates[name], strict=True)) for name in list(rates)[1:]}
    for name, ratio in ratios.items():
        print(f"nbcnn / {name}: {ratio:.2f}")
    print(
        json.dumps({"medians": medians, "ratios": ratios, "threads": options.threads, "batch_size": options.batch_size})
    )


if __name__ == "__main__":
    main()
