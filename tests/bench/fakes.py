"""What the tests of measuring share: a clock that is told, races with known times, a peer that needs no installing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nbcnn.autotune.sampler import Clock
from nbcnn.bench.peers import PEERS, Child, Forward, Learner, Peer, Task
from nbcnn.bench.results import Contest
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.training.model import Model

PROBLEM = Conv2dProblem(2, 3, 8, 8, (3, 3), padding=(1, 1, 1, 1))
DIRECTIONS = ("forward", "grad_input", "grad_weight")


class Told:
    """A clock on which time passes only by ``spend`` and ``sleep``; what happened, in order."""

    def __init__(self) -> None:
        self.time, self.events = 0.0, []
        self.clock = Clock(lambda: self.time, self._sleep)

    def spend(self, what: str, seconds: float) -> None:
        self.events.append(what)
        self.time += seconds

    def _sleep(self, seconds: float) -> None:
        self.events.append("pause")
        self.time += seconds


def contest(**seconds: float | None) -> Contest:
    """Of backends that take so long in every direction; None: absent."""
    timed = {name: dict.fromkeys(DIRECTIONS, value) for name, value in seconds.items() if value is not None}
    absent = {name: "it can't" for name, value in seconds.items() if value is None}
    return Contest(PROBLEM, 1, timed, absent)


def race_of(speeds: dict[str, float]) -> Callable[..., Any]:
    """A race in which each backend takes the seconds that are given; ``race.calls`` are (names, rounds)."""

    def race(problem: Any, names: list[str], threads: int = 1, rounds: int = 5, seconds: float = 0.005) -> Any:
        race.calls.append((list(names), rounds))
        return {name: dict.fromkeys(DIRECTIONS, speeds[name]) for name in names}

    race.calls = []
    return race


def take_of(seconds: dict[str, float]) -> Callable[..., Any]:
    """A stopwatch that runs every contender once and then tells what it was told, slower by a tenth each round."""

    def take(contenders: Any, rounds: int, *more: Any, **how: Any) -> Any:
        for contender in contenders:
            contender.before()
            contender.run()
        take.names.append([contender.name for contender in contenders])
        return {c.name: [seconds[c.name] * (1 + r / 10) for r in range(rounds)] for c in contenders}

    take.names = []
    return take


class Fake(Peer):
    """Computes with float64 NumPy what one convolution or one linear layer is; wrong by ``error``."""

    modules = ("math",)
    install = "pip install math"
    error = 0.0
    started: list[int]

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.trained: list[Model] = []

    def before(self, threads: int) -> None:
        self.threads.append(threads)

    def inference(self, task: Task, x: np.ndarray) -> dict[str, Forward]:
        tensors = task.network.state_dict()
        return {
            "plain": lambda: self._scores(tensors, x),
            "clever": lambda: self._scores(tensors, x),
        }

    def training(self, task: Task) -> dict[str, Learner]:
        self.trained.append(task.network)
        tensors = {name: value.astype(np.float64) for name, value in task.network.state_dict().items()}
        gradients: dict[str, np.ndarray] = {}
        lr = task.network.config.train.optimizer.config.lr

        def step(k: int) -> None:
            order = task.batches[k]
            x = task.x[order].reshape(len(order), -1).astype(np.float64)
            scores = x @ tensors["1.weight"].T + tensors["1.bias"]
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            shares[np.arange(len(order)), task.labels[order]] -= 1
            gradients["1.weight"] = shares.T @ x / len(order) * (1 + self.error)
            gradients["1.bias"] = shares.mean(0)
            for name, gradient in gradients.items():
                tensors[name] -= lr * gradient

        return {"plain": Learner(step, lambda: dict(tensors), lambda: dict(gradients))}

    def layer(self, arrays: Any, threads: int) -> dict[str, dict[str, Callable[[], Any]]]:
        return {"plain": {"forward": lambda: correlated(arrays) * (1 + self.error)}}

    def child(self, task: Task, images: int) -> Child:
        return Child(["fake"], {"images": images})

    def _scores(self, tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
        flat = x.reshape(len(x), -1).astype(np.float64)
        return (flat @ tensors["1.weight"].T + tensors["1.bias"]) * (1 + self.error)


def correlated(arrays: Any) -> np.ndarray:
    """Cross-correlation (N, O, OH, OW) in float64, for stride 1."""
    top, bottom, left, right = arrays.problem.padding
    x = np.pad(arrays.x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(x, arrays.problem.kernel_size, (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, arrays.w) + arrays.b[:, None, None]


@contextmanager
def registered(name: str, **attributes: Any) -> Iterator[type[Fake]]:
    """While inside there is a peer of this name, of the fake kind."""
    kind = type(name, (Fake,), attributes)
    PEERS.names()
    PEERS.register(name)(kind)
    try:
        yield kind
    finally:
        del PEERS._things[name]
