"""ReLUs are dead: no image makes their input positive, so they give 0 and learn nothing."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "vanishing_gradients")
SHARE = 0.6


def look(evidence: Evidence) -> Finding | None:
    """A layer where most channels or units are dead, in a training that learns little."""
    if evidence.epochs < 2 or evidence.learned_at_best > 0.5:
        return None
    layer, share = max(evidence.figures("dead", "relu"), key=lambda one: one[1], default=(None, 0.0))
    key, rate = evidence.rate
    if layer is None or share < SHARE or rate is None:
        return None
    smaller = one_digit(rate / 10)
    return Finding(
        f"{share:.0%} of its {layer.in_shape[0]:,} {'channels' if len(layer.in_shape) > 1 else 'units'} are 0 for "
        f"all images that were looked at, and {evidence.against_guessing}",
        f"a learning rate of {rate:g} has pushed their biases and weights below what any image gets over",
        "take a tenth of it",
        (f"{key}={smaller}",),
        layer.where,
    )
