"""The cosine schedule, PyTorch's CosineAnnealingLR: half a cosine from the learning rate down to ``eta_min``."""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, pi
from typing import Annotated

from pydantic import Field

from nbcnn.optim.schedules.base import SCHEDULES, IntervalConfig, Records, Schedule


class CosineConfig(IntervalConfig):
    """PyTorch's names and defaults, but that ``T_max`` may be left out: None is all of the training."""

    T_max: Annotated[int, Field(ge=1)] | None = None
    eta_min: float = Field(0.0, ge=0)

    @property
    def depends_on_epochs(self) -> bool:
        return self.T_max is None

    def flaws(self, lr: float) -> Iterator[tuple[str, str]]:
        if self.eta_min > lr:
            yield "eta_min", f"the rate would rise from {lr:g} to {self.eta_min:g}; expected at most the optimizer's lr"


@SCHEDULES.register("cosine")
class Cosine(Schedule):
    """eta_min + (lr - eta_min) (1 + cos(π t / T_max)) / 2; beyond T_max it rises again, as in PyTorch."""

    Config = CosineConfig
    config: CosineConfig

    def lr(self, step: int, records: Records) -> float:
        low, span = self.config.eta_min, self.span
        whole = span.steps if self.config.interval == "step" else span.steps / span.epoch_steps
        length = self.config.T_max or whole
        return low + (self.initial - low) * (1 + cos(pi * self.count(step) / length)) / 2
