"""Contenders that take turns in one process, and what may be said of them: medians, and ratios within rounds.

A turn begins with a pause and runs that are not timed, a quarter of those that are: threads of the contender before,
which may wait for more work with a busy loop, have gone to sleep, and one's own threads and caches are warm, and so is
the processor, which a virtual machine brings back to speed only after some 20 ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

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
            for _ in range(max(1, counts[contender.name] // 4)):
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


OWN = "nbcnn"
"""The contender that others are held against."""


class Ratio(NamedTuple):
    """How many times better nbcnn is than a peer: the median of the rounds' ratios, and all of them.

    ``contender`` is the best of the peer's ways, by its median.
    """

    contender: str
    ratio: float
    rounds: list[float]


class Row(NamedTuple):
    """One thing that was measured, in all contenders: figures in ``unit``, a sample a round.

    ``measure`` is the word that asks for it, ``what`` says it in full. Contenders are ``nbcnn`` and the peers' ways:
    ``torch`` or ``torch channels_last``.
    """

    measure: str
    what: str
    unit: str
    higher_is_better: bool
    samples: Samples

    def median(self, contender: str) -> float:
        """The contender's figure."""
        return median(self.samples[contender])

    def ratio(self, peer: str) -> Ratio | None:
        """nbcnn beside the best of the peer's ways, each round by itself: above 1 nbcnn is ahead. None without both."""
        ways = [name for name, values in self.samples.items() if name.partition(" ")[0] == peer and values]
        if not ways or not self.samples.get(OWN):
            return None
        best = (max if self.higher_is_better else min)(ways, key=self.median)
        ratios = self._ratios(best)
        return Ratio(best, median(ratios), ratios)

    def lead(self, contender: str) -> float:
        """How many times better than one contender nbcnn is, each round by itself: the median."""
        return median(self._ratios(contender))

    def _ratios(self, contender: str) -> list[float]:
        pairs = zip(self.samples[OWN], self.samples[contender], strict=True)
        return [own / other if self.higher_is_better else other / own for own, other in pairs]

    def as_json(self, peers: Sequence[str]) -> dict[str, Any]:
        """For ``--json``: every sample, medians, and the ratio to each peer."""
        found = {"measure": self.measure, "what": self.what, "unit": self.unit}
        ratios = {peer: ratio._asdict() for peer in peers if (ratio := self.ratio(peer))}
        medians = {name: self.median(name) for name in self.samples}
        better = "higher" if self.higher_is_better else "lower"
        return {**found, "better": better, "medians": medians, "ratios": ratios, "samples": self.samples}


def as_rates(samples: Mapping[str, Sequence[float]], work: float) -> Samples:
    """Work done a second, from seconds a run."""
    return {name: [work / value for value in values] for name, values in samples.items()}


def scaled(samples: Mapping[str, Sequence[float]], factor: float) -> Samples:
    """Figures in another unit."""
    return {name: [value * factor for value in values] for name, values in samples.items()}
