"""The network ends with an activation, and the loss takes a softmax of that."""

from __future__ import annotations

from math import exp, log

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = (
    "dead_relus",
    "over_fitting",
    "saturation",
    "step_too_large",
    "step_too_small",
    "stuck_at_chance",
    "vanishing_gradients",
)
RANGE = {"sigmoid": 1.0, "tanh": 2.0}
"""The difference of two scores at most."""
OTHERS = ("relu", "leaky_relu", "elu", "gelu", "silu", "hardswish")


def look(evidence: Evidence) -> Finding | None:
    """A last layer whose scores are cut off, so that no class can be made as likely as the loss wants it."""
    layers = list(evidence.network.layers())
    last = layers[-1]
    if not evidence.records or (last.op or last.kind) not in {*RANGE, *OTHERS}:
        return None
    kind = last.op or last.kind
    classes = evidence.network.out_shape[0]
    if kind in RANGE:
        least = log(1 + (classes - 1) * exp(-RANGE[kind]))
        number = (
            f"scores differ by {RANGE[kind]:g} at most, so no loss is below {least:.3f} (it is {evidence.loss:.3g})"
        )
    else:
        scores = evidence.rows[-1]["scores"].get("lowest") if evidence.rows else None
        number = f"no score is below {scores if scores is not None else 0:.2g}, and the loss is {evidence.loss:.3f}"
    return Finding(
        number,
        f"the loss is a softmax of the scores already, and {kind} before it takes away most of their range",
        "leave the last layer out, or put identity in its place",
        (f"{evidence.entry_of(last)}=identity",),
        last.where,
    )
