"""Batches are so large that an epoch has few steps."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "step_too_small", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """At most eight steps an epoch and fewer than a hundred in all, in a training that learned little."""
    if evidence.facts is None or evidence.epochs < 2 or evidence.learned > 0.65 or evidence.stopped:
        return None
    images, size = len(evidence.facts.data.train), evidence.config.train.batch_size
    each, steps = -(-images // size), int(evidence.records[-1]["step"])
    if each > 8 or steps >= 100 or images < 100:
        return None
    smaller = 8
    while smaller < 128 and images // (2 * smaller) >= 30:
        smaller *= 2
    return Finding(
        f"{evidence.epochs} epochs made {steps} steps, {each} each, and {evidence.against_guessing}",
        f"batches of {size:,} leave {images:,} images too few steps",
        f"batches of {smaller} make {-(-images // smaller)} steps of an epoch",
        (f"train.batch_size={smaller}",),
    )
