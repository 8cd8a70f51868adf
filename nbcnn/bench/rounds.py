"""Contenders that take turns in one process, and what may be said of them: medians, and ratios within rounds.

A turn begins with a pause and a run that is not timed: threads of the contender before, which may wait for more work
with a busy loop, have gone to sleep, and one's own threads and caches are warm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

Samples = dict[str, list[float]]
"""Contender → one figure a round."""


class Contender(NamedTuple):
    """``run`` is what is timed; ``before`` begins its turns and is not timed."""

    name: str
    run: Callable[[], object]
    before: Callable[[], object] = lambda: None


class Clock(NamedTuple):
    """Where time comes from and how it is waited for; tests have their own."""

    now: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep


def take_rounds(
    contenders: Sequence[Contender],
    rounds: int,
    seconds: float = 0.2,
    *,
    each: bool = False,
    pause: float = 0.02,
    clock: Clock = Clock(),  # noqa: B008: immutable
) -> Samples:
    """Seconds that one run takes, for each contender in each round.

    A turn lasts about ``seconds``. With ``each`` every run is timed by itself and a round's figure is their median (for
    a latency); without it the turn's time is divided by its runs (for a throughput).
    """
    counts = {}
    for contender in contenders:  # compiles, allocates, warms up
        contender.before()
        contender.run()
        since = clock.now()
        contender.run()
        counts[contender.name] = max(1, round(seconds / max(clock.now() - since, 1e-7)))
    samples: Samples = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            contender.before()
            clock.sleep(pause)
            contender.run()
            timed = _each if each else _together
            samples[contender.name].append(timed(contender.run, counts[contender.name], clock))
    return samples


def _together(run: Callable[[], object], count: int, clock: Clock) -> float:
    since = clock.now()
    for _ in range(count):
        run()
    return (clock.now() - since) / count


def _each(run: Callable[[], object], count: int, clock: Clock) -> float:
    spent = []
    for _ in range(count):
        since = clock.now()
        run()
        spent.append(clock.now() - since)
    return median(spent)


class Ratio(NamedTuple):
    """How many times better the first contender is than a peer: the median of the rounds' ratios, and all of them.

    ``contender`` is the best of the peer's ways, by its median.
    """

    contender: str
    ratio: float
    rounds: list[float]


class Row(NamedTuple):
    """One thing that was measured, in all contenders: figures in ``unit``, a sample a round."""

    what: str
    unit: str
    higher_is_better: bool
    samples: Samples

    def median(self, contender: str) -> float:
        """The contender's figure."""
        return median(self.samples[contender])

    def best(self, contenders: Sequence[str]) -> str:
        """The one with the best median."""
        return (max if self.higher_is_better else min)(contenders, key=self.median)

    def ratio(self, first: str, contenders: Sequence[str]) -> Ratio | None:
        """``first`` beside the best of ``contenders``; above 1 ``first`` is ahead. None where one has no samples."""
        others = [name for name in contenders if self.samples.get(name)]
        if not others or not self.samples.get(first):
            return None
        best = self.best(others)
        pairs = zip(self.samples[first], self.samples[best], strict=True)
        ratios = [own / other if self.higher_is_better else other / own for own, other in pairs]
        return Ratio(best, median(ratios), ratios)


def as_rates(samples: Mapping[str, Sequence[float]], work: float) -> Samples:
    """Work done a second, from seconds a run."""
    return {name: [work / value for value in values] for name, values in samples.items()}


def scaled(samples: Mapping[str, Sequence[float]], factor: float) -> Samples:
    """Figures in another unit."""
    return {name: [value * factor for value in values] for name, values in samples.items()}
