"""The one-cycle schedule, PyTorch's OneCycleLR: the learning rate rises, then falls far below where it began."""

from __future__ import annotations

from math import cos, pi
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nbcnn.optim.schedules.base import SCHEDULES, Records, Schedule, ScheduleConfig

_Momentum = Annotated[float, Field(ge=0, lt=1)]


class OneCycleConfig(ScheduleConfig):
    """PyTorch's names and defaults, but that ``max_lr`` may be left out: None is the optimizer's learning rate.

    The cycle goes over all steps of the training, each with a rate of its own.
    """

    max_lr: Annotated[float, Field(gt=0)] | None = None
    pct_start: float = Field(0.3, gt=0, lt=1)
    anneal_strategy: Literal["cos", "linear"] = "cos"
    cycle_momentum: bool = True
    base_momentum: _Momentum = 0.85
    max_momentum: _Momentum = 0.95
    div_factor: float = Field(25.0, ge=1)
    final_div_factor: float = Field(1e4, gt=0)
    three_phase: bool = False

    @model_validator(mode="after")
    def _fit_together(self) -> OneCycleConfig:
        low, high = self.base_momentum, self.max_momentum
        if self.cycle_momentum and low > high:
            raise ValueError(f"base_momentum {low:g} is above max_momentum {high:g}; exchange them")
        if self.three_phase and self.pct_start > 0.5:
            first = f"{self.pct_start:g} up and {self.pct_start:g} down are {2 * self.pct_start:g} of the training"
            raise ValueError(f"{first}; with three_phase pct_start is at most 0.5")
        return self


@SCHEDULES.register("one_cycle")
class OneCycle(Schedule):
    """From max_lr / div_factor up to max_lr in the first pct_start of the steps, then down to the least rate."""

    Config = OneCycleConfig
    config: OneCycleConfig

    def lr(self, step: int, records: Records) -> float:
        high = self.initial if self.config.max_lr is None else self.config.max_lr
        first = high / self.config.div_factor
        last = first / self.config.final_div_factor
        return self._at(step, (first, high, first, last) if self.config.three_phase else (first, high, last))

    def momentum(self, step: int) -> float | None:
        """It falls while the learning rate rises."""
        low, high = self.config.base_momentum, self.config.max_momentum
        if not self.config.cycle_momentum:
            return None
        return self._at(step, (high, low, high, high) if self.config.three_phase else (high, low, high))

    def _at(self, step: int, values: tuple[float, ...]) -> float:
        """The value of a step, between ``values`` at the first step, at the ends of the phases and at the last step."""
        rise, last = self.config.pct_start * self.span.steps, self.span.steps - 1
        ends = [rise - 1, 2 * rise - 2, last] if self.config.three_phase else [rise - 1, last]
        phase = next((number for number, end in enumerate(ends) if step <= end), len(ends) - 1)
        (before, after), end, start = values[phase : phase + 2], ends[phase], ends[phase - 1] if phase else 0.0
        share = min((step - start) / (end - start), 1.0) if end > start else 1.0
        if self.config.anneal_strategy == "linear":
            return before + (after - before) * share
        return after + (before - after) / 2 * (1 + cos(pi * share))
