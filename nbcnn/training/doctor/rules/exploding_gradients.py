"""Gradients are so long that a step leads anywhere."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("dead_relus", "saturation", "step_too_large", "stuck_at_chance", "vanishing_gradients")
LONG = 30.0
"""A norm of a layer's gradient in the very first step; of trainings that go well it is about 1."""


def look(evidence: Evidence) -> Finding | None:
    """A gradient in the first step, of weights that nothing has changed yet, far longer than any that go well."""
    if not evidence.rows or evidence.rows[0]["step"] != 1 or (evidence.learned > 0.5 and not evidence.stopped):
        return None
    if not evidence.stopped and evidence.epochs < 2:
        return None
    first = evidence.rows[0]["layers"]
    found = [(layer, first.get(layer.path, {}).get("gradient") or 0.0) for layer in evidence.layers("conv2d", "linear")]
    layer, gradient = max(found, key=lambda one: one[1], default=(None, 0.0))
    if layer is None or gradient < LONG or evidence.config.train.clip_grad_norm is not None:
        return None
    init = evidence.config.train.init
    smaller = ("begin with smaller weights", ("train.init=default",))
    remedy, sets = smaller if init != "default" else ("cut gradients to a length of 1", ("train.clip_grad_norm=1.0",))
    return Finding(
        f"in the first step its gradient is {gradient:.3g} long, and {evidence.happened}",
        "the layers make scores and gradients larger and larger, and the step with them",
        remedy,
        sets,
        layer.where,
    )
