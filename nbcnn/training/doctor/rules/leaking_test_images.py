"""Test or validation images are training images too."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

IN_TRAINING = False
"""Loading them warns already."""
SHARE = 0.01


def look(evidence: Evidence) -> Finding | None:
    """Images that are in two splits, pixel by pixel, at least one in a hundred."""
    if evidence.facts is None or not evidence.records:
        return None
    found = evidence.facts.duplicates
    sizes = {name: len(split) for name, split in evidence.facts.data.splits.items()}
    shares = {pair: count / sizes[pair[0]] for pair, count in found.shared.items() if pair[1] == "training"}
    pair = max(shares, key=lambda one: shares[one], default=None)
    if pair is None or shares[pair] < SHARE:
        return None
    return Finding(
        f"{found.shared[pair]:,} of {sizes[pair[0]]:,} {pair[0]} images ({shares[pair]:.1%}) are training images too, "
        "pixel by pixel",
        f"the accuracy on {pair[0]} images says little: these were learned",
        "keep each image in one of the two",
    )
