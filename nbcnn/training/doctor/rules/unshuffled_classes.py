"""Training images come class by class."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = (
    "batch_norm_statistics",
    "dead_relus",
    "over_fitting",
    "saturation",
    "step_too_large",
    "step_too_small",
    "stuck_at_chance",
    "vanishing_gradients",
)


def look(evidence: Evidence) -> Finding | None:
    """``shuffle: false`` with images that are sorted by class, so that each batch has one or two classes."""
    if evidence.facts is None or evidence.config.train.shuffle or not (evidence.records or evidence.stopped):
        return None
    alike = evidence.facts.followed_by_its_class
    if alike < 0.5 or evidence.facts.shares.max() > 0.5:
        return None
    return Finding(
        f"{alike:.0%} of the training images are followed by one of their own class, and train.shuffle is false",
        "each batch shows one or two classes, and the network forgets the others",
        "shuffle the images in each epoch",
        ("train.shuffle=true",),
    )
