"""Benchmark of one convolution on a whole batch, its packs divided among threads, beside other libraries.

autotune/kernel_timing.py times packs as they lie in a step. Here the unit is a batch, so that other libraries can take
part, and so that batches smaller or larger than a pack can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from nbcnn.autotune.sampler import Contender, Samples, take_rounds, take_turns
from nbcnn.bench.agreement import check_outputs
from nbcnn.bench.peers.base import Peer
from nbcnn.bench.results import Contest, Seconds
from nbcnn.engine.call_list import CallList
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.functional.arrays import from_packs, to_packs
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES, WeightedKernels
from nbcnn.kernels.registry import prepare
from nbcnn.util.aligned import zeros
from nbcnn.util.blas import one_blas_thread

Calls = dict[str, Callable[[], Any]]
"""Direction → a call that does it for the whole batch."""


@dataclass(frozen=True)
class Arrays:
    """A convolution's problem with random numbers for N images: x (N, C, H, W), dy (N, O, OH, OW), w, b."""

    problem: Any
    x: np.ndarray
    dy: np.ndarray
    w: np.ndarray
    b: np.ndarray


def arrays_of(problem: Any, images: int) -> Arrays:
    """Random arrays, always from the same seed."""
    random = np.random.default_rng(0)
    shapes = ((images, *problem.x_shape), (images, *problem.y_shape), problem.w_shape, problem.y_shape[:1])
    return Arrays(problem, *(random.standard_normal(shape).astype(problem.dtype) for shape in shapes))


def batch_contest(
    arrays: Arrays,
    names: Sequence[str],
    absent: Mapping[str, str],
    peers: Mapping[str, Peer],
    threads: int,
    rounds: int,
    take: Callable[..., Samples] = take_rounds,
    seconds: float = 0.05,
) -> Contest:
    """Backends and peers on the same batch, in turn, each direction by itself.

    Raises PeerError before anything is timed where a peer's results are not nbcnn's.
    """
    with closing(ThreadPool(threads)) as pool:
        calls = {name: Packs(arrays, name, threads).calls(pool) for name in names}
        before = {name: (lambda: None) for name in names}
        for name, peer in peers.items():
            peer.before(threads)
            for way, own in peer.layer(arrays, threads).items():
                calls[f"{name} {way}"] = own
                before[f"{name} {way}"] = lambda peer=peer: peer.before(threads)  # type: ignore[misc]
        samples: dict[str, Samples] = {}
        for direction in WeightedKernels._fields:
            able = {name: own[direction] for name, own in calls.items() if direction in own}
            check_outputs(able, f"the results of {direction}")
            contenders = [Contender(name, call, before[name]) for name, call in able.items()]
            found = take(contenders, rounds, seconds)
            share = LANES * threads / len(arrays.x)
            samples[direction] = {name: [value * share for value in values] for name, values in found.items()}
    timed = {
        name: {direction: median(samples[direction][name]) for direction in samples if name in samples[direction]}
        for name in calls
    }
    return Contest(arrays.problem, threads, timed, dict(absent), samples)


def batch_race(
    arrays: Arrays,
    names: Sequence[str],
    absent: Mapping[str, str],
    threads: int,
    rounds: int,
    turns: Callable[..., dict[Any, float]] = take_turns,
    seconds: float = 0.005,
) -> Contest:
    """Backends only, on the same batch, timed as autotune/kernel_timing.py does it."""
    found: Seconds = {name: {} for name in names}
    own = {name: Packs(arrays, name, threads) for name in names}
    players = {(name, d): own[name].call_lists[d] for name in names for d in WeightedKernels._fields}
    with closing(ThreadPool(threads)) as pool, one_blas_thread():
        for call_lists in players.values():
            for call_list in call_lists:  # compiled here, in one thread, before the clock
                call_list()
        times = turns(pool, players, rounds, seconds)
    for (name, direction), value in times.items():
        found[name][direction] = value * LANES * threads / len(arrays.x)
    return Contest(arrays.problem, threads, found, dict(absent))


class Packs:
    """A backend's kernels on a batch's packs: ``tapes`` has for each direction one call list per thread.

    The weights' gradients of the packs are added up, as those of a step are.
    """

    def __init__(self, arrays: Arrays, name: str, threads: int) -> None:
        kernels, floats = prepare(arrays.problem, name)
        xs, dys, w = _aligned(to_packs(arrays.x)), _aligned(to_packs(arrays.dy)), arrays.w
        self._ys, self._dxs = zeros(dys.shape, dys.dtype), zeros(xs.shape, xs.dtype)
        self._count, self._w_shape = len(arrays.x), w.shape
        shares = min(threads, len(xs))
        self._totals = [np.zeros(w.size, w.dtype) for _ in range(shares)]
        self.call_lists: dict[str, list[CallList]] = {direction: [] for direction in WeightedKernels._fields}
        for share, total in enumerate(self._totals):
            scratch, dw, db = zeros((floats,), w.dtype), np.zeros_like(w), np.zeros_like(arrays.b)
            shared = {"w": w, "b": arrays.b, "dw": dw, "db": db, "scratch": scratch}
            for signature in WeightedKernels.signatures():
                made: list[tuple[Any, tuple[Any, ...]]] = []
                for k in range(share, len(xs), shares):
                    own = {"x": xs[k], "y": self._ys[k], "dy": dys[k], "dx": self._dxs[k], **shared}
                    given = tuple(own[name] for name in signature.arguments)
                    made.append((getattr(kernels, signature.kernel), given))
                    if "dw" in signature.writes:
                        made.append((packs.add, (total, dw.reshape(-1))))
                self.call_lists[signature.kernel].append(CallList(made))

    def calls(self, pool: ThreadPool) -> Calls:
        """Each direction for the whole batch, with a result that becomes NCHW when somebody looks at it."""
        return {direction: partial(self._run, pool, direction) for direction in self.call_lists}

    def _run(self, pool: ThreadPool, direction: str) -> Any:
        call_lists = self.call_lists[direction]
        for total in self._totals:
            total[:] = 0
        with one_blas_thread():
            pool.run(len(call_lists), lambda worker: call_lists[worker]())
        if direction == "grad_weight":
            return np.sum(self._totals, axis=0).reshape(self._w_shape)
        return _Later(self._ys if direction == "forward" else self._dxs, self._count)


def _aligned(packs: np.ndarray) -> np.ndarray:
    copy = zeros(packs.shape, packs.dtype)
    copy[...] = packs
    return copy


class _Later:
    """Packs that are converted to an NCHW array on access, so that the timed code does not pay for it."""

    def __init__(self, packs: np.ndarray, count: int) -> None:
        self._packs, self._count = packs, count

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return from_packs(self._packs, self._count)
