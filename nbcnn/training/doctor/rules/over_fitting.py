"""The network learns its training images by heart."""

from __future__ import annotations

from statistics import fmean

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

RISE, LATELY, GAP = 1.25, 1.2, 0.08
"""The loss on other images against its lowest, now and over the last quarter of the epochs, and the accuracies'
difference, from which on it is said."""


def look(evidence: Evidence) -> Finding | None:
    """A loss on images that are not trained on which has risen, epoch by epoch, while the training loss fell."""
    losses, train, judged = evidence.judged_losses, evidence.accuracy(), evidence.accuracy("judged")
    if len(losses) < 5 or train is None or judged is None or evidence.config.train.early_stopping is not None:
        return None
    best = losses.index(min(losses))
    late = losses[-max(1, len(losses) // 4) :]
    if min(losses) <= 0 or losses[-1] < RISE * min(losses) or train - judged < GAP:
        return None
    if fmean(late) < LATELY * min(losses) or len(losses) - best < 4:
        return None
    return Finding(
        f"the loss on the {evidence.judged_by} images was lowest after epoch {best + 1}, {min(losses):.3f}, and is "
        f"{losses[-1]:.3f} now, with {train:.1%} of the training images and {judged:.1%} of the {evidence.judged_by} "
        "images right",
        "the network over-fits: it learns the training images by heart",
        "stop when it gets no better; more images, augmentation or weight decay let it learn longer",
        ("train.early_stopping={patience: 2}",),
    )
