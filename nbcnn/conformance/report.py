"""The results of a backend's checks: counts by kind, refusals by reason, failures with hints."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from nbcnn.conformance.failure_patterns import patterns
from nbcnn.util import activity

CHECKS = {
    "contract": "outputs written everywhere, nothing else changed, scratch within what was asked for",
    "whole numbers": "results on small whole numbers: equal to the float64 oracle, or within the stated tolerance",
    "rounding": "results on normally distributed and on many equal numbers, within the sums' bound or the tolerance",
    "repeats": "the same bits again, in other order and with other leftovers in scratch and outputs",
    "one image": "where a backend has a kernel for one image alone: the bits that a pack gives",
    "adjoint": "⟨conv(x), dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩ in float64",
    "jacobian": "all derivatives against differences of the forward kernel, in float64",
    "scales": "images, channels, groups and kernels 10⁶ apart in size: the small ones are as exact as alone",
    "not a number": "NaN and infinity show wherever the formula takes them, and in no other image, channel or kernel",
    "refusals": "odd problems are computed, or refused with a sentence that names the number",
    "threads": "the same bits from threads that call the same kernels at the same time",
    "network": "training steps of a small network: gradients, and the same bits on any number of threads",
    "out of bounds": "no index out of an array, in a process of its own with NUMBA_BOUNDSCHECK=1",
}
"""The kinds of checks, in the order in which tables show them."""

SHOWN = 1
"""Failures kept of each kind of check and array; the others are counted."""


@dataclass(frozen=True)
class Failure:
    """One failure: the check, the problem, the array, and its likely cause."""

    check: str
    problem: str
    array: str
    sentence: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.check}: {self.sentence}" + (f", for {self.problem}" if self.problem else "")
        return f"{text}; {self.hint}" if self.hint else text


@dataclass
class Tally:
    """Counts of one kind of check; ``worst`` is the largest error met, as a share of its bound."""

    passed: int = 0
    failed: int = 0
    worst: float | None = None
    seconds: float = 0.0


@dataclass
class Report:
    """All results of one backend."""

    op: str
    name: str
    file: str
    problems: int = 0
    left_out: int = 0
    """problems of the grid that do not exist, because nothing would be left of the image"""
    tolerance: float = 0.0
    """the largest that the backend stated, for float32; 0 where its sums are the formula's"""
    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    seen: dict[tuple[str, str], list[tuple[dict[str, str], bool]]] = field(default_factory=dict, repr=False)
    """for each kind of check and array: what the problems of the grid were like, and whether they passed"""
    refused: dict[str, int] = field(default_factory=dict)
    """reason → for how many problems; reasons that differ in their numbers alone count as the first of them"""
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Checks that passed."""
        return sum(tally.passed for tally in self.tallies.values())

    @property
    def failed(self) -> int:
        """Checks that failed."""
        return sum(tally.failed for tally in self.tallies.values())

    @property
    def seconds(self) -> float:
        """Time spent."""
        return sum(tally.seconds for tally in self.tallies.values())

    def tally(self, check: str) -> Tally:
        """The counts of a kind of check."""
        if check not in CHECKS:
            raise KeyError(check)
        return self.tallies.setdefault(check, Tally())

    @contextmanager
    def timed(self, check: str) -> Iterator[None]:
        """Time spent inside counts for a kind of check."""
        activity.tell(check=check)
        since = time.perf_counter()
        try:
            yield
        finally:
            self.tally(check).seconds += time.perf_counter() - since

    def ok(self, check: str, count: int = 1, worst: float | None = None) -> None:
        """Something passed."""
        tally = self.tally(check)
        tally.passed += count
        self.note_worst(check, worst)

    def note_worst(self, check: str, worst: float | None) -> None:
        """Keep the largest error, as a share of its bound."""
        tally = self.tally(check)
        if worst is not None and not (tally.worst is not None and tally.worst >= worst):
            tally.worst = worst

    def wants(self, check: str, array: str) -> bool:
        """Whether another failure of this kind would be kept, so that looking for its cause is worth the time."""
        return sum(f.check == check and f.array == array for f in self.failures) < SHOWN

    def fail(self, check: str, sentence: str, problem: str = "", array: str = "", hint: str = "") -> None:
        """Something is wrong."""
        self.tally(check).failed += 1
        if self.wants(check, array):
            self.failures.append(Failure(check, problem, array, sentence, hint))

    @property
    def sound(self) -> bool:
        """Whether nothing broke the contract so far; if something did, what follows would be laid to other causes."""
        return not ("contract" in self.tallies and self.tallies["contract"].failed)

    def as_told(self) -> dict[str, Any]:
        """All of it for another process, as JSON can have it; ``take`` reads that."""
        seen = [[check, array, found] for (check, array), found in self.seen.items()]
        return {**asdict(self), "seen": seen}

    def take(self, told: dict[str, Any]) -> None:
        """Add the results of another process on the same backend, in other kinds of checks."""
        self.problems, self.left_out, self.tolerance = told["problems"], told["left_out"], told["tolerance"]
        self.tallies |= {check: Tally(**tally) for check, tally in told["tallies"].items()}
        self.failures += [Failure(**failure) for failure in told["failures"]]
        for check, array, found in told["seen"]:
            self.seen[check, array] = [(features, right) for features, right in found]
        self.refused |= told["refused"]
        self.notes += told["notes"]

    def refuse(self, reason: str) -> None:
        """Count a refusal under a reason of the same words."""
        words = re.sub(r"\d+(\.\d+)?", "#", reason)
        known = next((one for one in self.refused if re.sub(r"\d+(\.\d+)?", "#", one) == words), reason)
        self.refused[known] = self.refused.get(known, 0) + 1

    def as_mapping(self) -> dict[str, Any]:
        """For JSON."""
        mapping = {key: value for key, value in asdict(self).items() if key != "seen"}
        return {
            **mapping,
            "patterns": patterns(self.seen),
            "passed": self.passed,
            "failed": self.failed,
            "seconds": self.seconds,
        }
