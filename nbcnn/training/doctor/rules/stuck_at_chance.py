"""The loss stays at that of guessing, and no other rule knows why."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.doctor.finding import Finding


def look(evidence: Evidence) -> Finding | None:
    """A training loss within 3 % of ln(classes) after two thirds of the epochs: sigmoids may rest there for some."""
    if (
        evidence.epochs < max(3, evidence.config.train.epochs * 2 / 3)
        or evidence.stopped
        or abs(evidence.learned) > 0.03
    ):
        return None
    key, rate = evidence.rate
    if rate is None:
        return None
    larger = one_digit(rate * 10)
    return Finding(
        f"after {evidence.epochs} epochs {evidence.against_guessing}",
        "the network has learned nothing of the images",
        f"a learning rate of {larger} may get it off",
        (f"{key}={larger}",),
    )
