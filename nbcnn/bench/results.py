"""Timing results of one problem: seconds by contender and direction, and the reasons of those left out.

The same record for all: races over a network's layers, points of a sweep, comparisons with other libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from nbcnn.errors import KernelError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import backend_names, op_names, refusals
from nbcnn.util.suggestions import nearest

Seconds = dict[str, dict[str, float]]
Tell = Callable[[str], None]
"""Is told what is measured now."""

SLOW = 20
"""Contenders that are so many times slower than the best in a first quick look may be measured no further."""

PATIENCE = 0.5
"""Seconds a pack takes in all directions together that slow ones may take and be measured all the same."""


LONG = 0.2
"""Seconds for a pack, all contenders and directions together; where it takes more, the first look is enough."""


def silent(what: str) -> None:
    """For those who need not know."""


def listed(option: str, words: Iterable[str], known: Sequence[str], otherwise: str) -> list[str]:
    """The names in the words that an option was given, lists with commas; raises KernelError for one not ``known``."""
    names = [name.strip() for word in words for name in word.split(",")]
    for name in names:
        if name not in known:
            raise KernelError(f"{option} {name}: {otherwise}; {nearest(name, filter(None, known))}")
    return names


@dataclass(frozen=True)
class Contest:
    """One problem's race on ``threads`` threads.

    ``seconds`` is contender → direction → seconds that a pack of 16 images takes in its thread; ``absent`` is contender
    → why it has none: a backend's own reason, or that it was much too slow. ``samples`` are those of each round, where
    they were kept: direction → contender → seconds.
    """

    problem: Any
    threads: int
    seconds: Seconds
    absent: dict[str, str] = field(default_factory=dict)
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    @property
    def directions(self) -> list[str]:
        """Those that were timed, in the order of the contract."""
        timed = {direction for found in self.seconds.values() for direction in found}
        return [direction for direction in self.problem.kernels._fields if direction in timed]

    def ranking(self, direction: str) -> list[tuple[str, float]]:
        """Contenders of a direction and their seconds, the quickest first."""
        found = {name: times[direction] for name, times in self.seconds.items() if direction in times}
        return sorted(found.items(), key=lambda item: item[1])

    def behind(self, direction: str, name: str, best: str) -> float:
        """How many times slower one is than another: by medians or, with samples, the median of each round's ratio."""
        if kept := self.samples.get(direction):
            return median(own / other for own, other in zip(kept[name], kept[best], strict=True))
        return self.seconds[name][direction] / self.seconds[best][direction]

    def best_ways(self, peers: Iterable[str]) -> Contest:
        """The same with one contender for each peer, in each direction the quickest of its ways."""
        seconds: Seconds = {name: dict(times) for name, times in self.seconds.items()}
        samples = {direction: dict(found) for direction, found in self.samples.items()}
        for peer in peers:
            ways = [name for name in seconds if name.partition(" ")[0] == peer]
            for direction in {direction for way in ways for direction in seconds[way]}:
                best = min((w for w in ways if direction in seconds[w]), key=lambda w: self.seconds[w][direction])
                seconds.setdefault(peer, {})[direction] = self.seconds[best][direction]
                if direction in samples:
                    samples[direction][peer] = self.samples[direction][best]
            for way in ways:
                del seconds[way]
                for found in samples.values():
                    found.pop(way, None)
        return replace(self, seconds=seconds, samples=samples)

    def image(self, seconds: float) -> float:
        """Seconds of the machine for one image: threads work on packs side by side."""
        return seconds / (LANES * self.threads)

    def gflops(self, seconds: float) -> float | None:
        """10⁹ operations a second of all threads: two for each multiply-accumulate of the formula, whatever is done."""
        return 2 * self.problem.macs / self.image(seconds) / 1e9 if self.problem.macs else None

    def records(self) -> list[dict[str, Any]]:
        """One for each direction and contender, the quickest first, then one for each that is absent."""
        rows: list[dict[str, Any]] = []
        for direction in self.directions:
            ranking = self.ranking(direction)
            for name, seconds in ranking:
                rows.append(
                    {
                        "direction": direction,
                        "contender": name,
                        "seconds_per_pack": seconds,
                        "seconds_per_image": self.image(seconds),
                        "gflops": self.gflops(seconds),
                        "times_best": self.behind(direction, name, ranking[0][0]),
                    }
                )
                if direction in self.samples:
                    rows[-1]["samples"] = self.samples[direction][name]
        return rows + [{"contender": name, "absent": reason} for name, reason in self.absent.items()]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: the problem and the records."""
        return {"problem": {"op": self.problem.op, **asdict(self.problem)}, "contenders": self.records()}


def contenders(op: str, wanted: Iterable[str] = ()) -> list[str]:
    """The backends of an op, or those of them that ``wanted`` (OP=NAME, as often as one likes) names for it.

    Raises KernelError for an op or a backend that does not exist.
    """
    chosen = []
    for word in wanted:
        known, equals, name = (part.strip() for part in word.partition("="))
        if not (known and equals and name):
            raise KernelError(f"--backend {word}: expected OP=NAME, for instance --backend conv2d=im2col")
        if known not in op_names():
            raise KernelError(f"--backend {word}: unknown op {known!r}; {nearest(known, op_names())}")
        if name not in backend_names(known):
            raise KernelError(
                f"--backend {word}: unknown backend {name!r} for {known}; {nearest(name, backend_names(known))}"
            )
        chosen += [name] if known == op else []
    return list(dict.fromkeys(chosen)) or backend_names(op)


def left_behind(look: Mapping[str, Mapping[str, float]], patience: float = 0.0) -> dict[str, str]:
    """Those who are much slower than the best, all directions together, and take more than ``patience`` seconds.

    With each goes the sentence to say of it.
    """
    sums = {name: sum(found.values()) for name, found in look.items()}
    best = min(sums.values(), default=0.0)
    return {
        name: f"left out after one round, {seconds / best:.0f}× slower than the best"
        for name, seconds in sums.items()
        if seconds > SLOW * best and seconds > patience
    }


def hold(
    problem: Any,
    names: Sequence[str],
    threads: int,
    rounds: int,
    race: Callable[..., Seconds],
    patience: float = PATIENCE,
) -> Contest:
    """Race those of the backends that can do the problem; the very slow ones leave after a first quick look."""
    absent = refusals(problem, names)
    able = [name for name in names if name not in absent]
    look = race(problem, able, threads, rounds=1, seconds=0.0) if able else {}
    slow = left_behind(look, patience)
    able = [name for name in able if name not in slow]
    found = {name: look[name] for name in able}
    if sum(sum(times.values()) for times in found.values()) < LONG:
        found = race(problem, able, threads, rounds=rounds) if able else {}
    return Contest(problem, threads, found, absent | slow)
