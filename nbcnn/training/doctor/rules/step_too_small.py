"""The step of the optimizer is too small."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance",)
SMALL, AIM = 3e-4, 0.008
"""Shares of the weights that a step changes: what leads nowhere in a few epochs, and what most do well with."""


def look(evidence: Evidence) -> Finding | None:
    """Steps that hardly change the weights, from the first on, in a training that learned little."""
    update = evidence.largest_update
    key, rate = evidence.rate
    if (
        evidence.epochs < 2
        or not evidence.rows
        or update >= SMALL
        or rate is None
        or evidence.learned > 0.5
        or evidence.stopped
    ):
        return None
    usual = "0.001" if evidence.config.train.optimizer.name.startswith("adam") else "0.01"
    larger = one_digit(rate * AIM / update) if update else usual  # no weight has moved by a bit
    return Finding(
        f"a step changes the weights by {update:.2g} of their length, and after {evidence.epochs} epochs "
        f"{evidence.against_guessing}",
        f"a learning rate of {rate:g} is too small",
        f"steps of about 0.8 % take {larger}",
        (f"{key}={larger}",),
    )
