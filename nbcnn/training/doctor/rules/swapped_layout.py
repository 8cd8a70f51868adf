"""The axes of the images are swapped: rows, columns and channels are not where the network takes them to be."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = (
    "over_fitting",
    "shuffled_labels",
    "step_too_small",
    "stuck_at_chance",
    "too_few_steps",
    "vanishing_gradients",
)
ROUGH = 0.75
"""The share of the differences between neighbours that another order of the same numbers leaves."""


def look(evidence: Evidence) -> Finding | None:
    """Images that become much smoother when the same numbers are read in another order."""
    if evidence.facts is None or not evidence.records:
        return None
    order, left = evidence.facts.smoother_order
    if not order or left > ROUGH:
        return None
    return Finding(
        f"neighbouring pixels would differ by {1 - left:.0%} less if the numbers of an image were {order}",
        "the images were reshaped where their axes had to be transposed: what is side by side in the picture is not in "
        "the array",
        "write images.transpose(0, 3, 1, 2), never reshape" if "last" in order else "give height and width in order",
    )
