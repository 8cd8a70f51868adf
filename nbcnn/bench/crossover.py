"""Crossovers along an axis: the fastest backend at each point, its margin, and where the fastest changes."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log
from typing import Any, NamedTuple

from nbcnn.bench.results import Contest
from nbcnn.bench.sweep import Sweep

TIE = 1.05
"""Margins below this are within what a repeated measurement gives otherwise."""


class Winner(NamedTuple):
    """The fastest and how many times slower the second is; None where there is no second."""

    name: str
    margin: float | None

    @property
    def clear(self) -> bool:
        """Whether it is more than a tie."""
        return self.margin is None or self.margin >= TIE


class Crossing(NamedTuple):
    """A change of the fastest between two neighbouring points of an axis.

    ``at`` is where their lines meet in a picture, straight lines on logarithmic axes; None where one of both has no
    time at one of the points. Nothing was measured there, and no whole number need be there.
    """

    low: int
    high: int
    at: float | None
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before} → {self.after} between {self.low} and {self.high}"


class Only(NamedTuple):
    """A single measured point at which ``name`` is fastest, between points at which ``around`` is."""

    at: int
    name: str
    around: str

    def __str__(self) -> str:
        return f"{self.name} at {self.at} only"


def winner(contest: Contest, direction: str) -> Winner | None:
    """The fastest in a direction; None where no contender was timed.

    Between the first two the rounds decide, where their samples were kept: medians may have it the other way round.
    """
    ranking = contest.ranking(direction)
    if len(ranking) < 2:
        return Winner(ranking[0][0], None) if ranking else None
    (first, _), (second, _) = ranking[:2]
    margin = contest.behind(direction, second, first)
    return Winner(first, margin) if margin >= 1 else Winner(second, contest.behind(direction, first, second))


def crossings(sweep: Sweep, direction: str) -> Iterator[Crossing]:
    """Where the fastest changes along an axis. A lead of less than TIE does not count."""
    name, leader, last = sweep.axis.name, None, None
    for point in sweep.points:
        ahead = winner(point.contest, direction)
        if ahead is None:
            continue
        if leader is None or last is None:
            leader = ahead.name
        elif ahead.name != leader and not _close(point.contest, direction, leader, ahead.name):
            at = _meeting(last.contest.seconds, point.contest.seconds, direction, (leader, ahead.name))
            low, high = last.at[name], point.at[name]
            found = None if at is None else exp(log(low) + at * (log(high) - log(low)))
            yield Crossing(low, high, found, leader, ahead.name)
            leader = ahead.name
        last = point


def changes(sweep: Sweep, direction: str) -> list[Crossing | Only]:
    """The crossings; two of them become one ``Only`` around a fastest at a single measured point."""
    found: list[Crossing | Only] = []
    for crossing in crossings(sweep, direction):
        last = found[-1] if found else None
        if isinstance(last, Crossing) and (last.high, last.before) == (crossing.low, crossing.after):
            found[-1] = Only(last.high, last.after, last.before)
        else:
            found.append(crossing)
    return found


def course(sweep: Sweep, direction: str) -> str:
    """The fastest along the axis, in words: ``direct; fft at 5 only; direct → fft between 9 and 11``."""
    found = changes(sweep, direction)
    if not found:
        first = next(won for point in sweep.points if (won := winner(point.contest, direction)))
        return f"{first.name} all along"
    start = [found[0].around] if isinstance(found[0], Only) else []
    return "; ".join([*start, *map(str, found)])


def _close(contest: Contest, direction: str, leader: str, ahead: str) -> bool:
    times = contest.seconds
    return direction in times.get(leader, {}) and contest.behind(direction, leader, ahead) < TIE


def _meeting(low: Any, high: Any, direction: str, names: tuple[str, str]) -> float | None:
    """The share of the way from one point to the next at which the two lines meet, 0 where they have met already."""
    try:
        apart_low, apart_high = (log(at[names[0]][direction] / at[names[1]][direction]) for at in (low, high))
    except KeyError:
        return None
    return apart_low / (apart_low - apart_high) if apart_low < 0 < apart_high else 0.0
