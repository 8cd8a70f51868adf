"""The test images were made in another way than the training images."""

from __future__ import annotations

import numpy as np

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("average_lags", "batch_norm_statistics", "over_fitting", "test_labels_differ")
FAR = 0.5
"""Standard deviations between the mean pixels of both."""


def look(evidence: Evidence) -> Finding | None:
    """Test images whose mean pixel is far from that of the training images."""
    facts = evidence.facts
    if facts is None or not evidence.records or len(facts.data.test) < 50:
        return None
    (means, spreads), (theirs, others) = facts.pixels, facts.test_pixels
    off = max(abs(a - b) / max(s, 1e-6) for a, b, s in zip(means, theirs, spreads, strict=True))
    ratio = max(
        max(a, 1e-6) / max(b, 1e-6) for a, b in (*zip(spreads, others, strict=True), *zip(others, spreads, strict=True))
    )
    if off < FAR and ratio < 2:
        return None
    inverted = float(np.abs(np.array(theirs) + np.array(means) - 1).max()) < 0.05 and off > FAR
    return Finding(
        f"the mean pixel of the training images is {means[0]:.2f} ± {spreads[0]:.2f}, and of the test images "
        f"{theirs[0]:.2f} ± {others[0]:.2f}",
        "the test images are inverted, white for black"
        if inverted
        else "the test images were scaled or made otherwise",
        "make them in the same way as the training images",
    )
