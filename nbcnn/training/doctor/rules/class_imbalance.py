"""Rare classes are passed over."""

from __future__ import annotations

import numpy as np

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("over_fitting", "step_too_small", "stuck_at_chance")
TIMES = 5
"""How many times as many images the largest class has as a rare one."""


def look(evidence: Evidence) -> Finding | None:
    """Classes with few training images that are recognised far less often than the others."""
    facts, judged = evidence.facts, evidence.judged
    if facts is None or judged is None or evidence.epochs < 2 or evidence.config.train.class_weights is not None:
        return None
    counts = facts.counts
    confusion = judged.confusion
    seen = confusion.sum(axis=1)
    rare = (counts * TIMES < counts.max()) & (counts > 0) & (seen > 0)
    common = ~rare & (seen > 0)
    if not rare.any() or not common.any():
        return None
    recalls = np.diag(confusion)[: len(seen)] / np.maximum(seen, 1)
    few, many = float(recalls[rare].mean()), float(recalls[common].mean())
    if few > 0.6 * many:
        return None
    weights = np.clip(counts.max() / np.maximum(counts, 1), 1, 50)
    names = [name for name, is_rare in zip(facts.data.classes, rare, strict=True) if is_rare]
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return Finding(
        f"of the {int(rare.sum())} classes with less than a fifth of the largest one's images ({shown}; "
        f"{int(counts[rare].min())} against {int(counts.max())}) {few:.0%} are recognised, of the others {many:.0%}",
        "the classes are out of balance, and to pass over the rare ones costs the loss little",
        "weigh each class by how rare it is",
        (f"train.class_weights=[{', '.join(f'{weight:.3g}' for weight in weights)}]",),
    )
