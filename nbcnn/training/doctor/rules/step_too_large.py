"""The step of the optimizer is too large."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "dead_relus", "saturation", "vanishing_gradients")
LARGE, AIM = 0.2, 0.01
"""Shares of the weights that a step changes: what no training survives for long, and what most do well with."""


def look(evidence: Evidence) -> Finding | None:
    """Steps that change a large share of the weights at once, in a training that learns little or stopped."""
    first, latest = evidence.update(evidence.rows[:1]), evidence.update()
    update = evidence.largest_update
    if update < LARGE or (not evidence.stopped and evidence.learned > 0.6):
        return None
    key, rate = evidence.rate
    if rate is None:
        return None
    which = {first: "first step", latest: "last steps"}.get(update, "longest step")
    smaller = one_digit(rate * min(AIM / update, 0.1))
    return Finding(
        f"the {which} changed the weights by {update:.0%} of their length, and {evidence.happened}",
        f"a learning rate of {rate:g} is too large",
        f"a step of about 1 % takes {smaller}",
        (f"{key}={smaller}",),
    )
