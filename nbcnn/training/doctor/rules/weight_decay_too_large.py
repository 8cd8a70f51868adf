"""Weight decay shrinks the weights faster than the loss can make them grow."""

from __future__ import annotations

from statistics import median

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("dead_relus", "stuck_at_chance", "step_too_large", "step_too_small", "too_few_steps", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """Weights that have shrunk to less than 60 % of what they began with, in a training that learns little."""
    decay = evidence.argument("weight_decay")
    if not decay or decay < 1e-3 or len(evidence.rows) < 2 or evidence.epochs < 1 or evidence.learned > 0.5:
        return None
    first = evidence.rows[0]["layers"]
    left = [
        now / then
        for layer, now in evidence.figures("weight", "conv2d", "linear")
        if (then := first.get(layer.path, {}).get("weight"))
    ]
    if not left or median(left) > 0.6:
        return None
    name = evidence.config.train.optimizer.name
    small = "0.01" if name == "adamw" else "0.0001"
    return Finding(
        f"the weights have shrunk to {median(left):.0%} of their length, and {evidence.against_guessing}",
        f"a weight decay of {decay:g} takes away more than the gradients give",
        f"{small} is common with {name}",
        (f"train.optimizer.{name}.weight_decay={small}",),
    )
