"""Sigmoids or tanhs are saturated: their inputs are so large that no gradient comes through."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "vanishing_gradients")
SHARE = 0.5


def look(evidence: Evidence) -> Finding | None:
    """A layer where half of the inputs or more are in the flat part, in a training that learns little."""
    if evidence.epochs < 2 or evidence.learned_at_best > 0.5:
        return None
    layer, share = max(evidence.figures("saturated", "sigmoid", "tanh"), key=lambda one: one[1], default=(None, 0.0))
    key, rate = evidence.rate
    if layer is None or share < SHARE or rate is None:
        return None
    smaller = one_digit(rate / 10)
    return Finding(
        f"{share:.0%} of its inputs are where {layer.op} is flat, and {evidence.against_guessing}",
        f"a learning rate of {rate:g} has made the weights before it so large that no gradient comes through",
        "take a tenth of it",
        (f"{key}={smaller}",),
        layer.where,
    )
