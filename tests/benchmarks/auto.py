"""Training steps with ``conv2d: auto`` beside every single backend, interleaved in one process.

    python tests/benchmarks/auto.py [--threads 2] [--rounds 41] [--forget] [--plugin FILE]

``--forget`` deletes remembered choices first, so that they are made in this process. A round gives each contender the
same number of steps, about 0.03 s; figures are medians, ratios are medians of the rounds' own, of time by the clock and
in parentheses of the processors' time, which other processes disturb less. Backends that take more
than three times as long as auto in a first look are not timed on.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.compiler.kernel_cache import cache_folder
from nbcnn.config import Overrides, load_config
from nbcnn.engine.engine import Engine
from nbcnn.errors import KernelError
from nbcnn.kernels.registry import AUTO, backend_names
from nbcnn.plugins import load_plugin
from nbcnn.training.model import Model

CONV = {"kernel_size": 3, "padding": 1}
WIDE: dict[str, Any] = {
    "name": "wide",
    "input": {"channels": 3, "height": 32, "width": 32},
    "layers": [
        {"conv2d": {"out_channels": 32, **CONV}},
        "relu",
        {"conv2d": {"out_channels": 64, **CONV}},
        "relu",
        {"max_pool2d": {"kernel_size": 2}},
        "flatten",
        {"linear": {"out_features": 10}},
    ],
}
MIXED: dict[str, Any] = {
    "name": "mixed",
    "input": {"channels": 3, "height": 32, "width": 32},
    "layers": [
        {"conv2d": {"out_channels": 32, "kernel_size": 5, "stride": 2, "padding": 2}},
        "relu",
        {"conv2d": {"out_channels": 64, "kernel_size": 1}},
        "relu",
        {"conv2d": {"out_channels": 32, "kernel_size": 1}},
        "relu",
        {"conv2d": {"out_channels": 64, **CONV}},
        "relu",
        {"avg_pool2d": {"kernel_size": 16}},
        "flatten",
        {"linear": {"out_features": 10}},
    ],
}
BATCH = 64


def main() -> None:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--plugin", action="append", default=[])
    options = parser.parse_args()
    for plugin in options.plugin:
        load_plugin(plugin)
    if options.forget and (folder := cache_folder("choices")) is not None:
        for file in folder.glob("*.json"):
            file.unlink()
    for source in ("lenet", "lenet-relu", WIDE, MIXED):
        compare(source, options.threads, options.rounds)


def compare(source: Any, threads: int, rounds: int) -> None:
    """One network with every backend."""
    engines: dict[str, Engine] = {}
    for name in (AUTO, *backend_names("conv2d")):
        since = time.perf_counter()
        config = load_config(source, Overrides(backends=(f"conv2d={name}",)))
        try:
            model = Model(config)
            choices = resolve_auto(model, training=True, threads=threads)
            engines[name] = Engine(model, threads=threads)
        except KernelError as error:
            print(f"  {name} alone is out: {str(error).partition('conv2d: ')[2]}")
            continue
        if name == AUTO:
            print(f"{engines[name].network.config.name}, {threads} threads, batches of {BATCH}")
            print(f"  chosen in {time.perf_counter() - since:.1f} s, the compiling of all candidates included:")
            for choice in choices:
                print(f"  {choice}{' (remembered)' if choice.remembered else ''}")
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (BATCH, *engines[AUTO].network.in_shape), dtype=np.uint8)
    labels, order = random.integers(0, 10, BATCH), np.arange(BATCH)

    def steps(engine: Engine, count: int) -> tuple[float, float]:
        """Seconds a step, by the clock and of the processors."""
        since, used = time.perf_counter(), time.process_time()
        for _ in range(count):
            engine.train_step(images, labels, order)
        return (time.perf_counter() - since) / count, (time.process_time() - used) / count

    for engine in engines.values():
        engine.warm_up(images, labels)
    chosen = {name: [layer.backend for layer in engine.network.layers()] for name, engine in engines.items()}
    for name in engines:
        if name != AUTO and chosen[name] == chosen[AUTO]:
            print(f"  auto and {name} are the same backends here: between these two, differences are the machine's")
    look = {name: min(steps(engine, 1)[0] for _ in range(2)) for name, engine in engines.items()}
    kept = [name for name in engines if look[name] <= 3 * look[AUTO]]
    count = max(1, round(0.03 / look[AUTO]))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in kept}
    for round_ in range(rounds):
        for name in kept[round_ % len(kept) :] + kept[: round_ % len(kept)]:  # nobody always follows the same one
            taken[name].append(steps(engines[name], count))

    def ratios(one: str, other: str) -> str:
        pairs = list(zip(taken[one], taken[other], strict=True))
        clock, processors = (median(a[k] / b[k] for a, b in pairs) for k in (0, 1))
        return f"{clock:.3f} ({processors:.3f})"

    for name in kept:
        rate = BATCH / median(clock for clock, _ in taken[name])
        print(f"  {name:<10} {rate:>9,.0f} images/s   takes {ratios(name, AUTO)} times as long as auto")
    for name in sorted(set(engines) - set(kept)):
        print(f"  {name:<10} {BATCH / look[name]:>9,.0f} images/s   in a first look")
    best = min((name for name in kept if name != AUTO), key=lambda name: median(time for _, time in taken[name]))
    print(f"  auto takes {ratios(AUTO, best)} times as long as the best single backend, {best}\n")
    for engine in engines.values():
        engine.close()


if __name__ == "__main__":
    main()
