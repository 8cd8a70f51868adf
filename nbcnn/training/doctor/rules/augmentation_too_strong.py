"""Augmented images are harder than those that the network is judged by."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

FALLING = 0.95
"""The share of an epoch's loss in that of the epoch before, below which the training goes on well: its accuracy is the
mean over an epoch, and that of the other images is of the end."""
USUAL = 3e-4, 0.05
"""Shares of the weights that a step changes: with others it is the step that keeps a training from learning."""
EXPLAINS = ("dead_relus", "saturation", "stuck_at_chance", "step_too_small", "too_few_steps", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """Training images, augmented, of which far fewer are right than of others, or next to none are learned."""
    train, judged = evidence.accuracy(), evidence.accuracy("judged")
    settings = evidence.config.train.augment
    if not settings or train is None or judged is None or evidence.epochs < 3 or evidence.learned > 0.4:
        return None
    if judged - train < 0.1 and evidence.learned > 0.15:
        return None
    losses = [float(record["train_loss"]) for record in evidence.records[-2:]]
    if losses[1] < FALLING * losses[0] and evidence.learned > 0.15:
        return None
    if judged - train < 0.1 and not USUAL[0] <= evidence.largest_update <= USUAL[1]:
        return None
    return Finding(
        f"{train:.1%} of the augmented training images are right, {judged:.1%} of the {evidence.judged_by} images as "
        f"they are, and {evidence.against_guessing}",
        f"augmentation ({settings}) takes from the images what tells their classes",
        "train without it, then add a little",
        ("train.augment={}",),
    )
