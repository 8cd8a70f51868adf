"""Gradients vanish on their way to the first layers."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "step_too_small")
LESS, LESS_AT_REST, LESS_IN_STEPS, DEEP = 1e-3, 1e-2, 3e-2, 3
"""The gradient of the first layer, as a share of its weights, against that of the last. Where more than DEEP sigmoids
or tanhs have learned nothing a hundredth is enough, and three hundredths where the last layer's steps are long enough,
so that a larger learning rate is no remedy."""
LONG = 5e-3
"""A step of the last layer that is long enough, as a share of its weights."""


def look(evidence: Evidence) -> Finding | None:
    """A first layer whose gradient is a thousandth of the last one's, in a training that learns little."""
    half = max(2, evidence.config.train.epochs / 2)  # sigmoids may rest for some epochs, and learn then
    if evidence.epochs < half or evidence.learned > 0.4 or evidence.stopped:
        return None
    found = []
    for layer, gradient in evidence.figures("gradient", "conv2d", "linear"):
        if weight := evidence.figure(layer, "weight"):
            found.append((layer, gradient / weight))
    flat = list(evidence.layers("sigmoid", "tanh"))
    resting = evidence.learned < 0.03 and len(flat) > DEEP
    steps = evidence.figures("update", "conv2d", "linear")
    less = LESS if not resting else LESS_IN_STEPS if steps and steps[-1][1] >= LONG else LESS_AT_REST
    if len(found) < 3 or not found[-1][1] or found[0][1] >= less * found[-1][1]:
        return None
    first, last = found[0], found[-1]
    sets: tuple[str, ...] = ("train.init=kaiming_uniform",)
    cause, remedy = "each layer's weights make the gradient shorter", "begin with weights that keep its length"
    if len(flat) > 1:
        kinds = " and ".join(sorted({layer.op or "" for layer in flat}))
        cause = f"each of {len(flat)} {kinds} layers hands back a quarter of the gradient or less"
        remedy = "relu hands on all of it"
        sets = (*(f"{evidence.entry_of(layer)}=relu" for layer in flat), *sets)
    elif evidence.config.train.init == "kaiming_uniform":
        return None
    return Finding(
        f"its gradient is {first[1]:.1e} of its weights, that of the last layer, {last[0].kind}, {last[1]:.1e}, "
        f"and {evidence.against_guessing}",
        f"gradients vanish on their way back: {cause}",
        remedy,
        sets,
        first[0].where,
    )
