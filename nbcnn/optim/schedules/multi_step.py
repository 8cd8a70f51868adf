"""The multi-step schedule, PyTorch's MultiStepLR: at each of the ``milestones`` the rate is multiplied by ``gamma``."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from nbcnn.optim.schedules.base import SCHEDULES, IntervalConfig, Records, Schedule

_Milestone = Annotated[int, Field(ge=1)]


class MultiStepConfig(IntervalConfig):
    """PyTorch's names and defaults."""

    milestones: tuple[_Milestone, ...] = Field(min_length=1)
    gamma: float = Field(0.1, gt=0, le=1)

    @model_validator(mode="after")
    def _milestones_rise(self) -> MultiStepConfig:
        for before, after in pairwise(self.milestones):
            if after <= before:
                raise ValueError(f"milestones must rise, and {after} comes after {before}; write each once, in order")
        return self


@SCHEDULES.register("multi_step")
class MultiStep(Schedule):
    """lr · gamma^(milestones that are reached)"""

    Config = MultiStepConfig
    config: MultiStepConfig

    def lr(self, step: int, records: Records) -> float:
        decays = bisect_right(self.config.milestones, self.count(step))
        return float(self.initial * self.config.gamma**decays)

    def unreached(self) -> str | None:
        late = [milestone for milestone in self.config.milestones if milestone >= self.length]
        if not late:
            return None
        numbers = ", ".join(map(str, late))
        return f"milestones {numbers} are never reached: there are {self.length:,} {self.config.interval}s"
