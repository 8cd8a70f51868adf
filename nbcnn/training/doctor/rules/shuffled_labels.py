"""The labels do not belong to the images."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = (
    "class_imbalance",
    "dead_relus",
    "over_fitting",
    "saturation",
    "step_too_large",
    "step_too_small",
    "stuck_at_chance",
    "test_labels_differ",
    "too_few_steps",
    "vanishing_gradients",
)
ABOVE = 0.08
"""By how much an accuracy exceeds the share of the largest class where images tell anything of it."""


def look(evidence: Evidence) -> Finding | None:
    """Training images whose classes nothing tells: neither the network on new images, nor the classes' mean images."""
    judged, facts = evidence.accuracy("judged"), evidence.facts
    if facts is None or judged is None or evidence.epochs < 2 or len(facts.data.train) < 200:
        return None
    most = float(facts.shares.max())
    if judged > most + ABOVE or facts.told_apart > most + ABOVE or most > 0.8:
        return None
    shift = facts.shift_that_fits
    moved = (
        f"with the labels moved by {shift:+d} it is {facts.told_apart_by(shift):.0%}, so one of the two files has an "
        "entry more or less at its beginning"
        if shift
        else "the order of images or labels was changed without that of the other"
    )
    return Finding(
        f"the mean images of the classes tell {facts.told_apart:.0%} of the training images apart, where always the "
        f"same answer has {most:.0%}, and the network {judged:.0%} of new ones",
        f"the labels do not belong to the images: {moved}",
        "make them anew, image and label in the same order",
    )
