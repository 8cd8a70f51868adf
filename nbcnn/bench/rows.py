"""Rows of benchmark tables: the samples of all contenders, their medians and ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from nbcnn.autotune.sampler import Samples

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
