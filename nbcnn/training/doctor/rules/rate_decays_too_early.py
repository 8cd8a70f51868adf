"""The learning rate is gone before the network has learned."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = ("stuck_at_chance", "step_too_small", "too_few_steps", "vanishing_gradients")


def look(evidence: Evidence) -> Finding | None:
    """A learning rate below 2 % of its highest before half of the epochs, in a training that learned little."""
    schedule = evidence.config.train.schedule.name
    rates = [record.get("lr") for record in evidence.records]
    known = [rate for rate in rates if rate is not None]
    if schedule == "constant" or len(known) < 3 or evidence.learned > 0.7:
        return None
    low = next((number for number, rate in enumerate(known, 1) if rate < 0.02 * max(known)), None)
    if low is None or low > 0.5 * evidence.config.train.epochs:
        return None
    return Finding(
        f"in epoch {low} of {evidence.config.train.epochs} the learning rate is {known[low - 1]:.2g}, after "
        f"{max(known):.2g}, and the loss has stopped at {evidence.loss:.3f}",
        f"the schedule {schedule} ends the training before the network has learned",
        "keep the rate",
        ("train.schedule=constant",),
    )
