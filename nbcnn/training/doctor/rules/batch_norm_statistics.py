"""Batch norm predicts with statistics that are not those of the images."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("over_fitting",)
SLOW = 3.0
"""Steps times momentum below which the statistics still hold much of what they began with: e^-3 is 5 %."""

USUAL = 0.1
"""The default, and what is proposed: with it the statistics get there by themselves, in thirty steps."""


def look(evidence: Evidence) -> Finding | None:
    """Running means and variances that are still far from the batches', with a momentum too small for so few steps."""
    train, judged = evidence.accuracy(), evidence.accuracy("judged")
    if train is None or judged is None or train - judged < 0.1:
        return None
    steps = int(evidence.records[-1]["step"])
    momenta = [(layer, getattr(layer.config, "momentum", None)) for layer in evidence.layers("batch_norm")]
    small = [(layer, momentum) for layer, momentum in momenta if momentum is not None and momentum < USUAL]
    slow = [(layer, momentum) for layer, momentum in small if momentum * steps < SLOW]
    if not slow:
        return None
    first, momentum = max(slow, key=lambda one: evidence.figure(one[0], "mean_drift") or 0)
    mean, variance = evidence.figure(first, "mean_drift") or 0, evidence.figure(first, "variance_drift") or 1
    if mean < 0.3 and variance < 1.5:
        return None
    return Finding(
        f"its running mean is {mean:.1f} standard deviations off the batch's and its variance {variance:.1f} times, "
        f"and {train:.1%} of the training images are right in training, {judged:.1%} of {evidence.judged_by} images",
        f"a momentum of {momentum:g} takes in too little of each of {steps:,} batches, so what predicts "
        "is not what was trained",
        "take in a tenth of each",
        tuple(f"{evidence.key_of(layer)}.momentum=0.1" for layer, _ in slow),
        first.where,
    )
