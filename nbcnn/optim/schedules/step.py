"""The step schedule, PyTorch's StepLR: every ``step_size`` epochs the learning rate is multiplied by ``gamma``."""

from __future__ import annotations

from pydantic import Field

from nbcnn.optim.schedules.base import SCHEDULES, IntervalConfig, Records, Schedule


class StepConfig(IntervalConfig):
    """PyTorch's names and defaults."""

    step_size: int = Field(ge=1)
    gamma: float = Field(0.1, gt=0, le=1)


@SCHEDULES.register("step")
class Step(Schedule):
    """lr · gamma^⌊t / step_size⌋"""

    Config = StepConfig
    config: StepConfig

    def lr(self, step: int, records: Records) -> float:
        decays = self.count(step) // self.config.step_size
        return float(self.initial * self.config.gamma**decays)

    def unreached(self) -> str | None:
        size, length = self.config.step_size, self.length
        if size < length:
            return None
        return f"a step_size of {size} changes nothing: there are {length:,} {self.config.interval}s"
