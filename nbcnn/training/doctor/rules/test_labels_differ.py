"""The labels of the test images mean other classes than those of the training images."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("average_lags", "batch_norm_statistics", "over_fitting")


def look(evidence: Evidence) -> Finding | None:
    """Test images that the mean training images of the classes tell apart far worse than training images."""
    facts, train, judged = evidence.facts, evidence.accuracy(), evidence.accuracy("judged")
    if facts is None or train is None or judged is None or len(facts.data.test) < 50:
        return None
    if evidence.judged_by == "test" and train - judged < 0.25:
        return None
    if facts.told_apart < 2 * facts.shares.max() or facts.test_told_apart > facts.told_apart / 2:
        return None
    return Finding(
        f"the mean training images of the classes tell {facts.told_apart:.0%} of the training images apart, and "
        f"{facts.test_told_apart:.0%} of the test images, whose pixels are alike",
        "the labels of the test images count the classes otherwise, or are in another order than the images",
        "make the test labels in the same way as the training labels",
    )
