"""Augmented images are harder than those that the network is judged by."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("dead_relus", "saturation", "stuck_at_chance", "step_too_small", "too_few_steps", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """Training images, augmented, of which far fewer are right than of others, or next to none are learned."""
    train, judged = evidence.accuracy(), evidence.accuracy("judged")
    settings = evidence.config.train.augment
    if not settings or train is None or judged is None or evidence.epochs < 3 or evidence.learned > 0.4:
        return None
    if judged - train < 0.1 and evidence.learned > 0.15:
        return None
    return Finding(
        f"{train:.1%} of the augmented training images are right, {judged:.1%} of the {evidence.judged_by} images as "
        f"they are, and {evidence.against_guessing}",
        f"augmentation ({settings}) takes from the images what tells their classes",
        "train without it, then add a little",
        ("train.augment={}",),
    )
