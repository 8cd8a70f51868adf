"""Linear warm-up before a schedule: PyTorch's SequentialLR of LinearLR and the schedule, stepped at every step."""

from __future__ import annotations

from nbcnn.optim.schedules.base import Records, Schedule


class WarmUp:
    """In the first ``steps`` the rate rises from ``start_factor`` of the schedule's first; then the schedule begins."""

    def __init__(self, schedule: Schedule, steps: int, start_factor: float) -> None:
        self.schedule, self._steps, self._start = schedule, steps, start_factor

    def lr(self, step: int, records: Records) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self._steps:
            return self.schedule.lr(0, ()) * (self._start + (1 - self._start) * step / self._steps)
        return self.schedule.lr(step - self._steps, [r for r in records if r["step"] > self._steps])

    def momentum(self, step: int) -> float | None:
        """The momentum of a step; None where the schedule leaves it as it is."""
        return self.schedule.momentum(max(step - self._steps, 0))
