"""Backends side by side on one problem: each kernel timed in turn, as a run would call it.

Every thread has a pack and buffers of its own and all call at once, from a tape where they can (tape.py): so caches,
Python's lock and the machine's clock are those of a run. Contenders take turns, and a figure is the median of rounds,
because a machine's speed drifts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

import numpy as np

from nbcnn.blas import one_blas_thread
from nbcnn.crew import Crew, Turns
from nbcnn.kernels.contract import LANES, LossKernels, WeightedKernels
from nbcnn.kernels.registry import prepare
from nbcnn.kernels.tape import Tape

Seconds = dict[str, dict[str, float]]
"""Backend → direction (forward, grad_input and, where there are weights, grad_weight) → seconds for one pack."""


def eligible(problem: Any, names: Iterable[str]) -> list[str]:
    """Those of the named backends that can do the problem."""
    from nbcnn.kernels.registry import backend

    return [name for name in names if backend(problem.op, name).supports(problem) is None]


def race(
    problem: Any,
    names: Sequence[str],
    threads: int = 1,
    rounds: int = 5,
    seconds: float = 0.005,
    directions: Sequence[str] | None = None,
) -> Seconds:
    """Median seconds that a pack of 16 images takes in each direction, with ``threads`` packs under way at once.

    A turn of a contender lasts about ``seconds``; one round more, the first, compiles and warms up. Raises KernelError
    where a backend can't do the problem.
    """
    rigs = {name: [_calls(problem, name, seed) for seed in range(threads)] for name in names}
    for calls in rigs.values():  # compiled here, in one thread, before the clock
        for call in calls:
            for tape in call.values():
                tape()
    wanted = directions or next(iter(next(iter(rigs.values())))).keys() if rigs else ()
    turns = [(name, direction, [calls[direction] for calls in rigs[name]]) for name in names for direction in wanted]
    times: dict[tuple[str, str], list[float]] = {(name, direction): [] for name, direction, _ in turns}
    crew = Crew(threads)
    try:
        with one_blas_thread():
            counts = {turn[:2]: _count(crew, turn[2], seconds) for turn in turns}
            for _ in range(rounds):
                for name, direction, tapes in turns:
                    count = counts[name, direction]
                    times[name, direction].append(_together(crew, tapes, count) / count)
    finally:
        crew.close()
    return {name: {direction: median(times[name, direction]) for direction in wanted} for name in names}


def _count(crew: Crew, tapes: Sequence[Callable[[], None]], seconds: float) -> int:
    """How many calls fill a turn."""
    once = min(_together(crew, tapes, 1) for _ in range(2))
    return max(1, round(seconds / max(once, 1e-7)))


def _together(crew: Crew, tapes: Sequence[Callable[[], None]], count: int) -> float:
    """Seconds until every thread has played its own tape ``count`` times; all begin at once."""
    start, spent = threading.Barrier(len(tapes)), [0.0] * len(tapes)

    def work(worker: int, piece: int, turns: Turns) -> None:
        start.wait()
        since = time.perf_counter()
        for _ in range(count):
            tapes[piece]()
        spent[piece] = time.perf_counter() - since

    crew.run(len(tapes), work)
    return max(spent)


def _calls(problem: Any, name: str, seed: int) -> dict[str, Tape]:
    """A backend's kernels, each bound to a pack of random numbers."""
    kernels, floats = prepare(problem, name)
    if isinstance(kernels, LossKernels):
        raise TypeError("a loss has one backend; there is nothing to race")
    random, dtype = np.random.default_rng(seed), np.dtype(problem.dtype)

    def numbers(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(dtype)

    x, dy = numbers(*problem.x_shape, LANES), numbers(*problem.y_shape, LANES)
    y, dx, work = np.zeros_like(dy), np.zeros_like(x), np.zeros(floats, dtype)
    if not isinstance(kernels, WeightedKernels):
        Tape([(kernels.forward, (x, y, work))])()
        return {
            "forward": Tape([(kernels.forward, (x, y, work))]),
            "grad_input": Tape([(kernels.grad_input, (x, y, dy, dx, work))]),
        }
    w, b = numbers(*problem.w_shape), numbers(problem.y_shape[0])
    dw, db = np.zeros_like(w), np.zeros_like(b)
    return {
        "forward": Tape([(kernels.forward, (x, w, b, y, work))]),
        "grad_input": Tape([(kernels.grad_input, (dy, w, dx, work))]),
        "grad_weight": Tape([(kernels.grad_weight, (x, dy, dw, db, work))]),
    }
