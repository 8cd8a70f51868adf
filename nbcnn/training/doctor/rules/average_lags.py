"""The averaged weights are still those of the beginning."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("over_fitting",)


def look(evidence: Evidence) -> Finding | None:
    """An average over more steps than the training has, and judged images that are told apart far worse."""
    ema, train, judged = evidence.config.train.ema, evidence.accuracy(), evidence.accuracy("judged")
    if ema is None or train is None or judged is None or train - judged < 0.12:
        return None
    steps, over = int(evidence.records[-1]["step"]), 1 / (1 - ema.decay)
    if over < steps / 4:
        return None
    decay = 1 - 1 / max(2, round(steps / 20))
    return Finding(
        f"weights are averaged over the last {over:,.0f} steps or so, the training has {steps:,}, and {train:.1%} of "
        f"the training images are right, of the {evidence.judged_by} images, by averaged weights, {judged:.1%}",
        f"with a decay of {ema.decay:g} the average is still close to the first weights",
        "average over a twentieth of the steps",
        (f"train.ema.decay={decay:.4g}",),
    )
