"""Interleaved timing of backends on one problem, with all threads busy, as in a training step.

Every thread has packs and buffers of its own and all call at once, from a call list where they can
(engine/call_list.py): so caches, Python's lock and the machine's clock are those of a run. Contenders take turns
(autotune/sampler.py).

A kernel that is called again and again on the same pack finds it in the cache, where a step's own kernels would not:
other layers' packs have passed through meanwhile. So a race may be told how many bytes a step touches, and each turn
then goes through as many packs as fill these.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from math import inf
from typing import Any

import numpy as np

from nbcnn.autotune.sampler import take_turns, together
from nbcnn.engine.call_list import CallList, expect_calls
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.kernels.contract import array_type
from nbcnn.kernels.cross_entropy.op import LossKernels
from nbcnn.kernels.registry import prepare
from nbcnn.util import activity
from nbcnn.util.aligned import zeros
from nbcnn.util.blas import one_blas_thread

Seconds = dict[str, dict[str, float]]
"""Backend → direction (forward, grad_input and, where there are weights, grad_weight) → seconds for one pack."""

Key = tuple[str, str]

MOST_PACKS = 64
"""Packs that a turn goes through at most; for tiny kernels more would only take time."""


def time_kernels(
    problem: Any,
    names: Sequence[str],
    threads: int = 1,
    rounds: int = 5,
    seconds: float = 0.005,
    directions: Sequence[str] | None = None,
    footprint: int = 0,
    slowest: float = inf,
) -> Seconds:
    """Seconds that a pack of 16 images takes in each direction, with ``threads`` packs under way at once.

    A turn of a contender lasts about ``seconds``; before the clock all is compiled and called once. ``footprint`` is
    how many bytes a step touches. First comes a quick look at each; a contender that takes more than ``slowest`` times
    as long as the fastest there, all directions together, leaves the race without a figure. Raises KernelError where a
    backend can't do the problem.
    """
    if not names:
        return {}
    wanted = [d for d in problem.kernels._fields if d in (directions or problem.kernels._fields)]
    packs = [_packs(problem, names, seed, footprint) for seed in range(threads)]
    first = packs[0][0]
    kernels = {name: prepare(problem, name).kernels for name in names}
    expect_calls([(getattr(kernels[name], d), first[d]) for name in names for d in dict.fromkeys(["forward", *wanted])])
    for name in names:  # compiled here, in one thread, before the clock
        for direction in dict.fromkeys(["forward", *wanted]):  # its output is what gradients of pooling read
            activity.tell(now=f"{direction} of {problem.op}={name}, which is timed,", may_last=True)
            _call_list(problem, name, direction, packs[0][:1])()
    activity.tell(now="")
    with closing(ThreadPool(threads)) as pool, one_blas_thread():
        looks = _looks(pool, problem, names, wanted, packs, slowest)
        stay = {name for name in names if (name, wanted[-1]) in looks}
        players = {
            (name, direction): [_call_list(problem, name, direction, own) for own in packs]
            for name, direction in looks
            if name in stay
        }
        count = len(packs[0])
        times = take_turns(pool, players, rounds, seconds, {key: looks[key] * count for key in players})
    return {name: {d: times[name, d] / count for d in wanted} for name in names if name in stay}


Packs = list[dict[str, tuple[np.ndarray, ...]]]


def _looks(
    pool: ThreadPool, problem: Any, names: Sequence[str], wanted: Sequence[str], packs: Sequence[Packs], slowest: float
) -> dict[Key, float]:
    """About what each contender's kernels take; one that is too slow has no figure for the last direction."""
    looks: dict[Key, float] = {}
    best = inf
    for name in names:
        total = 0.0
        for direction in wanted:
            call_lists, plays = [_call_list(problem, name, direction, own[:1]) for own in packs], [inf]
            # Of a short kernel three looks: one may have been disturbed, for longer than the kernel takes.
            while len(plays) < 4 and sum(plays[1:]) < 0.02:
                plays.append(together(pool, call_lists, 1))
            total += min(plays)
            if total > slowest * best:
                break
            looks[name, direction] = min(plays)
        best = min(best, total)
    for name in names:  # those that were looked at before the fastest
        if sum(looks.get((name, direction), 0.0) for direction in wanted) > slowest * best:
            looks.pop((name, wanted[-1]), None)
    return looks


def _call_list(problem: Any, name: str, direction: str, packs: Packs) -> CallList:
    kernel = getattr(prepare(problem, name).kernels, direction)
    return CallList([(kernel, pack[direction]) for pack in packs])


def _packs(problem: Any, names: Sequence[str], seed: int, footprint: int) -> Packs:
    """For each of some packs of random numbers, what the kernels of each direction take; scratch is shared."""
    if problem.kernels is LossKernels:
        raise TypeError("a loss has one backend; there is nothing to race")
    dtype = np.dtype(problem.dtype)
    scratch = zeros((max(prepare(problem, name).workspace for name in names),), dtype)
    random = np.random.default_rng(seed).standard_normal(1 << 16).astype(dtype)

    signatures = problem.kernels.signatures()
    written = {name for signature in signatures for name in signature.writes}

    def made(name: str) -> np.ndarray:
        array = zeros(array_type(problem, name).shape, dtype)
        if name not in written:
            array[...] = np.resize(random, array.shape)
        return array

    def pack() -> dict[str, tuple[np.ndarray, ...]]:
        names = dict.fromkeys(name for signature in signatures for name in (*signature.reads, *signature.writes))
        arrays = {name: made(name) for name in names} | {"scratch": scratch}
        return {one.kernel: tuple(arrays[name] for name in one.arguments) for one in signatures}

    first = pack()
    own = sum({id(array): array.nbytes for arrays in first.values() for array in arrays}.values())
    return [first] + [pack() for _ in range(min(MOST_PACKS, footprint // max(own, 1)) - 1)]
