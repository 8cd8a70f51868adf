"""The constant learning rate: the optimizer's own, from the first step to the last."""

from __future__ import annotations

from nbcnn.optim.schedules.base import SCHEDULES, Records, Schedule, ScheduleConfig


class ConstantConfig(ScheduleConfig):
    """No arguments."""

    @property
    def depends_on_epochs(self) -> bool:
        return False


@SCHEDULES.register("constant")
class Constant(Schedule):
    """The optimizer's learning rate."""

    Config = ConstantConfig

    def lr(self, step: int, records: Records) -> float:
        return self.initial
