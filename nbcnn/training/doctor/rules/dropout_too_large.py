"""Dropout takes away so much that nothing can be learned."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("dead_relus", "saturation", "stuck_at_chance", "step_too_small", "step_too_large", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """A dropout of three quarters or more, in a training that learns little."""
    high = [
        layer
        for layer in evidence.network.layers()
        if getattr(layer.config, "p", 0) >= 0.75 and "dropout" in layer.kind
    ]
    if not high or evidence.epochs < 2 or evidence.learned > 0.6:
        return None
    worst = max(high, key=lambda layer: layer.config.p)  # type: ignore[attr-defined]
    p = worst.config.p  # type: ignore[attr-defined]
    return Finding(
        f"{p:.0%} of its inputs are dropped in each step, and after {evidence.epochs} epochs "
        f"{evidence.against_guessing}",
        "too little is left to learn from",
        "drop a fifth",
        tuple(f"{evidence.key_of(layer)}.p=0.2" for layer in high),
        worst.where,
    )
