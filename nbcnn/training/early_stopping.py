"""Early stopping: whether the metrics of the epochs so far say that a training is to end."""

from __future__ import annotations

from math import inf

from nbcnn.config import EarlyStopping
from nbcnn.optim.schedules.base import Records
from nbcnn.optim.schedules.metrics import judged


def stopped_early(rule: EarlyStopping | None, records: Records) -> str | None:
    """Why the training ends after these epochs, in a sentence; None where it goes on.

    It follows from the records alone, so a training that is resumed stops where one would that was never interrupted.
    """
    if rule is None:
        return None
    sign, best, at, waited = 1 if rule.metric == "accuracy" else -1, -inf, 0, 0
    for record in records:
        value = judged(record, rule.metric)
        if value is None:
            continue
        if sign * value > best + rule.min_delta:
            best, at, waited = sign * value, record["epoch"], 0
        else:
            waited += 1
        if waited >= rule.patience:
            part = "test" if record.get(f"val_{rule.metric}") is None else "validation"
            by = f" by more than {rule.min_delta:g}" if rule.min_delta else ""
            epochs = "the last epoch" if waited == 1 else f"the last {waited} epochs"
            return (
                f"stopped early after epoch {record['epoch']}: in {epochs} the {part} {rule.metric} was not "
                f"better{by} than {sign * best:.4g}, that of epoch {at}"
            )
    return None
