"""Timing of contenders in turns, round by round, in one process; and why short ones get the lower quartile.

What the rounds say. A turn of nbcnn's own kernels is short (5 ms), and their figure is the lower quartile of the
rounds: whatever else a machine does only ever adds to a time. On two processors that several programs wanted, a kernel
on two threads was 1 ± 1.1 % times as fast as itself by lower quartiles of 5 rounds, the worst of 80 races 4 % off; by
medians, and by medians of the rounds' ratios, it was 1 ± 3 %, the worst 24 % off. Nine rounds make up for that, and
would make the timing of ``auto`` nearly twice as long. A turn of a whole network or another library is long (0.2 s), no
single disturbance decides it, and what is asked for is a ratio: each round's own, for a machine's speed drifts, then
their median, which credits neither side with a lucky round (bench/rows.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from math import inf
from statistics import median
from typing import Any, NamedTuple, TypeVar

import numpy as np

from nbcnn.engine.thread_pool import ThreadPool

Samples = dict[Any, list[float]]
"""Contender → one figure a round."""
Run = Callable[[], object]
K = TypeVar("K", bound=Hashable)


class Contender(NamedTuple):
    """``run`` is what is timed; ``before`` begins its turns and is not timed."""

    name: Any
    run: Run
    before: Run = lambda: None


class Clock(NamedTuple):
    """Where time comes from and how it is waited for; tests have their own."""

    now: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()


def take_rounds(
    contenders: Sequence[Contender],
    rounds: int,
    seconds: float = 0.2,
    *,
    each: bool = False,
    pause: float = 0.02,
    clock: Clock = REAL,
) -> Samples:
    """Seconds that one run takes, for each contender in each round: networks and other libraries.

    A turn lasts about ``seconds``. With ``each`` every run is timed by itself and a round's figure is their median (for
    a latency); without it the turn's time is divided by its runs (for a throughput).

    A turn begins with a pause and runs that are not timed, a quarter of those that are: threads of the contender
    before, which may wait for more work with a busy loop, have gone to sleep, and one's own threads and caches are
    warm, and so is the processor, which a virtual machine brings back to speed only after some 20 ms.
    """
    timed = partial(_each if each else _in_a_row, clock=clock)
    once = {}
    for contender in contenders:  # compiles, allocates, warms up
        contender.before()
        contender.run()
        once[contender.name] = timed(contender.run, 1)

    def turn(contender: Contender, count: int) -> float:
        contender.before()
        clock.sleep(pause)
        for _ in range(max(1, count // 4)):
            contender.run()
        return timed(contender.run, count)

    return _rounds({one.name: partial(turn, one) for one in contenders}, rounds, seconds, once)


def take_turns(
    pool: ThreadPool,
    players: Mapping[K, Sequence[Run]],
    rounds: int,
    seconds: float,
    once: Mapping[K, float] | None = None,
) -> dict[K, float]:
    """Seconds of one run of each contender, which has a player for every thread: nbcnn's kernels, all threads at once.

    ``once`` is about what a run takes, where that is known; contenders that take very long have fewer rounds, at least
    two.
    """
    turns = {key: partial(_at_once, pool, own) for key, own in players.items()}
    once = once or {key: turn(1) for key, turn in turns.items()}
    times = _rounds(turns, rounds, seconds, once, 8 * rounds * seconds)
    return {key: float(np.quantile(values, 0.25)) for key, values in times.items()}


def _rounds(
    turns: Mapping[Any, Callable[[int], float]],
    rounds: int,
    seconds: float,
    once: Mapping[Any, float],
    at_most: float = inf,
) -> Samples:
    """Every contender's turn in each round, of as many runs as last ``seconds``; a turn gives the seconds of one run.

    Who would take more than ``at_most`` seconds in all has fewer rounds, at least two.
    """
    about = {name: max(once[name], 1e-7) for name in turns}
    samples: Samples = {name: [] for name in turns}
    for number in range(rounds):
        for name, turn in turns.items():
            if number < max(2, min(rounds, at_most / about[name])):
                samples[name].append(turn(max(1, round(seconds / about[name]))))
    return samples


def _in_a_row(run: Run, count: int, clock: Clock) -> float:
    since = clock.now()
    for _ in range(count):
        run()
    return (clock.now() - since) / count


def _each(run: Run, count: int, clock: Clock) -> float:
    return median(_in_a_row(run, 1, clock) for _ in range(count))


def _at_once(pool: ThreadPool, players: Sequence[Run], count: int) -> float:
    return together(pool, players, count) / count


def together(pool: ThreadPool, players: Sequence[Run], count: int) -> float:
    """Seconds until every thread has played its own player ``count`` times; all begin at once.

    If the system took a processor from one of the threads for another process meanwhile, it is the longest time that
    a thread had a processor: waiting for it is not the kernel's doing.
    """
    spent, worked, interrupted = [0.0] * len(players), [0.0] * len(players), [0] * len(players)

    def work(worker: int) -> None:
        before, since, used = _interruptions(), time.perf_counter(), time.thread_time()
        for _ in range(count):
            players[worker]()
        spent[worker], worked[worker] = time.perf_counter() - since, time.thread_time() - used
        interrupted[worker] = _interruptions() - before

    pool.run(len(players), work, at_once=True)
    return max(worked if any(interrupted) and all(worked) else spent)


def _interruptions() -> int:
    """How often the system has taken the processor from this thread; 0 where it does not say."""
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
    except (ImportError, AttributeError):
        return 0
