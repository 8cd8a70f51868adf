"""Crossovers of nbcnn and another library as a network's size grows, and the sentences that report them."""

from __future__ import annotations

from typing import Any

from nbcnn.bench import sweep
from nbcnn.bench.crossover import TIE, Crossing, Only, changes
from nbcnn.bench.results import Contest
from nbcnn.bench.rows import OWN
from nbcnn.bench.scaling import Growth

Leads = dict[int, float]
"""Value of the axis → how many times as fast as the peer's best way nbcnn is."""


def leads(growth: Growth, measure: str, peer: str) -> Leads:
    """At each point where both were measured; each round's own ratio, then their median."""
    return {point.at: ratio.ratio for point, row in growth.rows(measure) if (ratio := row.ratio(peer))}


def overtakings(growth: Growth, measure: str, peer: str) -> list[Crossing | Only]:
    """Where one overtakes the other, between points as crossover.py has it: one ahead by less than TIE has not yet."""
    points = []
    for point, row in growth.rows(measure):
        if not (ratio := row.ratio(peer)):
            continue
        samples = {name: [1 / value for value in row.samples[way]] for name, way in _ways(peer, ratio.contender)}
        seconds = {name: {measure: 1 / row.median(way)} for name, way in _ways(peer, ratio.contender)}
        contest = Contest(None, growth.threads, seconds, {}, {measure: samples})
        points.append(sweep.Point({growth.axis.name: point.at}, contest))
    axis = sweep.Axis(growth.axis.name, growth.axis.title, growth.axis.unit, ())
    return changes(sweep.Sweep(axis, points), measure)


def overtaken(growth: Growth) -> list[dict[str, Any]]:
    """For ``--json``: for each measure and peer where one overtakes the other, and the sentence."""
    return [
        {
            "measure": measure,
            "peer": peer,
            "changes": [change._asdict() for change in overtakings(growth, measure, peer)],
            "words": words,
        }
        for measure in growth.measures
        for peer in growth.peers
        if (words := sentence(growth, measure, peer))
    ]


def sentence(growth: Growth, measure: str, peer: str) -> str | None:
    """Who overtakes whom, in words; None where the peer has no such measure."""
    known, unit = leads(growth, measure, peer), growth.axis.unit
    if not known:
        return None
    found, low, high = overtakings(growth, measure, peer), min(known), max(known)
    span = f"at {low} {unit}" if low == high else f"from {low} to {high} {unit}"
    if not found:
        return _all_along(known, peer, span)
    first = found[0]
    leader = first.around if isinstance(first, Only) else first.before
    turns: list[tuple[str, str, int | None]] = [(leader, f"{leader} is ahead at first", None)]
    alone = []
    for change in found:
        if isinstance(change, Only):
            lead = _lead(known[change.at], change.name)
            alone.append(f"{change.name} is ahead at {change.at} alone ({_times(lead)} times as fast)")
            continue
        start = change.low if change.at is None else change.at
        words = f"{change.after} overtakes {change.before} from about {number(start)} {unit} on"
        turns.append((change.after, words, change.high))
    parts = []
    for (name, words, since), after in zip(turns, [*turns[1:], None], strict=True):
        end = after[2] if after else None
        inside = {at: _lead(x, name) for at, x in known.items() if at >= (since or 0) and (end is None or at < end)}
        best = max(inside, key=inside.__getitem__)
        parts.append(f"{words} ({_times(inside[best])} times as fast at {best})")
    return "; ".join([*parts, *alone])


def _all_along(known: Leads, peer: str, span: str) -> str:
    """Nobody overtakes: the lead is nbcnn's at every point, or the peer's, or nobody's that counts."""
    if all(1 / TIE < lead < TIE for lead in known.values()):
        return f"{peer} and nbcnn are level {span}"
    name = OWN if max(known.values()) >= TIE else peer
    found = [_lead(ratio, name) for ratio in known.values()]
    low, high = _times(min(found)), _times(max(found))
    fast = f"{low} to {high} times as fast" if low != high else f"{high} times as fast"
    if name == OWN:
        return f"{peer} never overtakes nbcnn {span}: nbcnn is {fast}"
    return f"{peer} is ahead of nbcnn {span}: {fast}"


def _ways(peer: str, way: str) -> tuple[tuple[str, str], ...]:
    return (OWN, OWN), (peer, way)


def _lead(ratio: float, name: str) -> float:
    return ratio if name == OWN else 1 / ratio


def _times(lead: float) -> str:
    return f"{lead:.0f}" if lead >= 9.95 else f"{lead:.1f}" if lead >= 1.95 else f"{lead:.2f}"


def number(value: float) -> str:
    """Two digits or more: no crossing between measured points is known better."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
