"""GFLOP/s of every conv2d backend on one pack and one core, and a training step from tape beside call by call.

    python tests/benchmarks/kernels.py [--rounds 7]

GFLOP/s count two operations for each multiply-accumulate of the formula, whatever a backend really does. Contenders take
turns; figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from nbcnn.blas import one_blas_thread
from nbcnn.config import load_config
from nbcnn.engine import Engine
from nbcnn.kernels.contract import LANES, Conv2dProblem
from nbcnn.kernels.registry import backend_names, prepare
from nbcnn.network import Network

PROBLEMS = {
    "LeNet conv1": Conv2dProblem(1, 6, 28, 28, (5, 5), padding=(2, 2, 2, 2)),
    "LeNet conv2": Conv2dProblem(6, 16, 14, 14, (5, 5)),
    "64 to 64, 3×3": Conv2dProblem(64, 64, 28, 28, (3, 3), padding=(1, 1, 1, 1)),
}


def rates(contenders: dict[str, Callable[[], None]], work: float, rounds: int) -> dict[str, float]:
    """Work done a second by each; every round repeats a contender for about 20 ms."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + 1):
        for name, run in contenders.items():
            count, started = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - started) < 0.02 or not count:
                run()
                count += 1
            if round_:  # the first round compiles and warms up
                seconds[name].append(elapsed / count)
    return {name: work / median(values) for name, values in seconds.items()}


def backends(problem: Conv2dProblem) -> dict[str, dict[str, Callable[[], None]]]:
    """For each direction, each backend's call on one pack of random numbers."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((*s, LANES)).astype(np.float32) for s in (problem.x_shape, problem.y_shape))
    w = rng.standard_normal(problem.w_shape).astype(np.float32)
    b = np.zeros(problem.out_channels, np.float32)
    calls: dict[str, dict[str, Callable[[], None]]] = {"forward": {}, "grad_input": {}, "grad_weight": {}}
    for name in backend_names("conv2d"):
        kernels, floats = prepare(problem, name)
        work, y, dx, dw, db = (np.zeros(s, np.float32) for s in (floats, dy.shape, x.shape, w.shape, b.shape))
        calls["forward"][name] = lambda k=kernels, y=y, work=work: k.forward(x, w, b, y, work)
        calls["grad_input"][name] = lambda k=kernels, dx=dx, work=work: k.grad_input(dy, w, dx, work)
        calls["grad_weight"][name] = lambda k=kernels, dw=dw, db=db, work=work: k.grad_weight(x, dy, dw, db, work)
    return calls


def steps() -> dict[str, Callable[[], None]]:
    """A training step of LeNet on 256 images and 2 threads: from tape, and with every kernel called from Python."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (256, 1, 28, 28), dtype=np.uint8), rng.integers(0, 10, 256)
    tape, calls = (Engine(Network(load_config("lenet-d2l")), threads=2) for _ in range(2))
    for worker in calls.workers:

        def one_by_one(made: tuple = tuple((c.kernel, c.arrays) for c in worker._train)) -> None:
            for kernel, arrays in made:
                kernel(*arrays)

        worker.__dict__["train"] = one_by_one
    order = np.arange(256)
    return {
        "from tape": lambda: tape.train_step(images, labels, order) and None,
        "call by call": lambda: calls.train_step(images, labels, order) and None,
    }


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    names = backend_names("conv2d")
    print(f"{'GFLOP/s':<28}" + "".join(f"{name:>8}" for name in names))
    with one_blas_thread():
        for what, problem in PROBLEMS.items():
            for direction, calls in backends(problem).items():
                found = rates(calls, 2 * problem.macs * LANES / 1e9, rounds)
                print(f"{what:<16}{direction:<12}" + "".join(f"{found[name]:8.1f}" for name in names))
    for name, rate in rates(steps(), 256, 3 * rounds).items():
        print(f"LeNet's training step, 2 threads, {name}: {rate:,.0f} images/s")


if __name__ == "__main__":
    main()
