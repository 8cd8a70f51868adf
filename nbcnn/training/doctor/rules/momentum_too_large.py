"""Momentum carries the weights past where the gradients lead."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = (
    "dead_relus",
    "exploding_gradients",
    "over_fitting",
    "saturation",
    "step_too_large",
    "stuck_at_chance",
    "vanishing_gradients",
)


def look(evidence: Evidence) -> Finding | None:
    """SGD that sums up its last fifty gradients or more, in a training that learns little or stopped."""
    momentum = evidence.argument("momentum")
    if momentum is None or momentum < 0.98 or (evidence.learned > 0.5 and not evidence.stopped):
        return None
    if not evidence.stopped and evidence.epochs < 2:
        return None
    return Finding(
        f"each step sums up about {1 / (1 - momentum):,.0f} gradients, and {evidence.happened}",
        f"a momentum of {momentum:g} carries the weights past where the gradients lead",
        "0.9 sums up ten",
        (f"train.optimizer.{evidence.config.train.optimizer.name}.momentum=0.9",),
    )
