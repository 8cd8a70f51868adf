"""Gradient clipping leaves next to nothing of the gradients."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "step_too_small", "too_few_steps", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """Gradients that are a hundred times as long as they may be, in a training by SGD that learns little."""
    most, name = evidence.config.train.clip_grad_norm, evidence.config.train.optimizer.name
    if most is None or name != "sgd" or evidence.epochs < 2 or evidence.learned > 0.5:
        return None
    norm = evidence.records[0].get("grad_norm")
    if norm is None or norm < 100 * most:
        return None
    return Finding(
        f"gradients are {norm:.2g} long on average and cut to {most:g}, and {evidence.against_guessing}",
        "clipping leaves next to nothing of the steps",
        "let gradients of the usual length through",
        (f"train.clip_grad_norm={one_digit(2 * norm)}",),
    )
