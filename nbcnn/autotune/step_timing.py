"""Timing of whole training steps of a network with several choices of backends.

Layers bind themselves here exactly as in an engine, so the directions that are asked for (the first layer's input has
no gradient) and the order of calls are those of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from nbcnn.autotune.sampler import take_turns
from nbcnn.engine.call_list import CallList
from nbcnn.engine.network import Network
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import Prepared, backend, prepare
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.util.aligned import zeros
from nbcnn.util.blas import one_blas_thread

Names = Mapping[str, str]
"""Layer (its path) → backend, for every layer that has kernels."""


class StepPlan:
    """One thread's buffers: the BufferProvider of layers/base.py; images and loss are random.

    ``problems`` are those of the layers, by path; ``footprint`` is how many bytes a step of one pack touches, scratch
    apart.
    """

    evaluating = False

    def __init__(self, network: Network, training: bool, seed: int = 0) -> None:
        self.dtype = network.dtype
        self.problems: dict[str, Any] = {}
        self.footprint = network.parameters.nbytes * (2 if training else 1)
        self._network, self._scratch = network, np.zeros(0, self.dtype)
        self.place, self.step = np.array([0, LANES]), np.zeros(2, np.int64)
        x = self.pack(network.in_shape)
        bound = network.root.bind(self, x, None, training)
        self.calls = [call for call in (*bound.forward, *bound.backward) if not call.in_turn]  # no backend's part
        random = np.random.default_rng(seed).standard_normal(1 << 14).astype(self.dtype)
        for array in (x, bound.dy):
            if array is not None:
                array[...] = np.resize(random, array.shape)

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        pack = zeros((*shape, LANES), self.dtype)
        self.footprint += pack.nbytes
        return pack

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        return zeros(shape, self.dtype)

    def shared(self, shape: tuple[int, ...]) -> np.ndarray:
        return zeros(shape, self.dtype)

    def image_numbers(self) -> np.ndarray:
        return np.arange(LANES)

    def parameter(self, name: str) -> np.ndarray:
        return self._network.tensors[name]

    def gradient(self, name: str) -> np.ndarray:
        return np.zeros(self._network.shapes[name], self.dtype)

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        self.problems[layer.path] = problem
        return Prepared(problem.kernels(*(_unchosen for _ in problem.kernels._fields)), 0)

    def scratch(self, floats: int) -> np.ndarray:
        return self._scratch

    def directions(self, path: str) -> tuple[str, ...]:
        """What a run asks of a layer, in its order."""
        return tuple(call.direction for call in self.calls if call.layer == path)

    def calls_with(self, names: Names) -> list[Call]:
        """All calls of a step, with these backends."""
        floats = max((backend(p.op, names[path]).workspace(p) for path, p in self.problems.items()), default=0)
        scratch = zeros((floats,), self.dtype)
        return [
            call._replace(
                kernel=call.kernel
                if call.problem is None
                else getattr(prepare(self.problems[call.layer], names[call.layer]).kernels, call.direction),
                arrays=tuple(scratch if array is self._scratch else array for array in call.arrays),
            )
            for call in self.calls
        ]

    def call_list(self, names: Names) -> CallList:
        """The same, to be played."""
        return CallList((call.kernel, call.arrays) for call in self.calls_with(names))


def step_seconds(
    network: Network, training: bool, threads: int, contenders: Sequence[Names], rounds: int = 9, seconds: float = 0.01
) -> list[float]:
    """Seconds that a pack's whole step takes with the backends of each contender, on ``threads`` threads at once."""
    rooms = [StepPlan(network, training, seed) for seed in range(threads)]
    players = {number: [room.call_list(names) for room in rooms] for number, names in enumerate(contenders)}
    with closing(ThreadPool(threads)) as pool, one_blas_thread():
        for call_lists in players.values():
            call_lists[0]()
        return list(take_turns(pool, players, rounds, seconds).values())


def _unchosen(*arrays: Iterable[Any]) -> None:
    """Stands where a backend's kernel will."""
    raise RuntimeError("a rehearsal's calls have kernels once backends are named")
