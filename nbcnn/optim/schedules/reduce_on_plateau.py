"""Reduction on a plateau, PyTorch's ReduceLROnPlateau: a smaller learning rate where a metric no longer improves."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Literal

from pydantic import Field

from nbcnn.optim.schedules.base import SCHEDULES, Records, Schedule, ScheduleConfig
from nbcnn.optim.schedules.metrics import Metric, judged


class PlateauConfig(ScheduleConfig):
    """PyTorch's names and defaults; its ``mode`` follows from the metric: a loss falls, an accuracy rises."""

    metric: Metric = "loss"
    factor: float = Field(0.1, gt=0, lt=1)
    patience: int = Field(10, ge=0)
    threshold: float = Field(1e-4, ge=0)
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = Field(0, ge=0)
    min_lr: float = Field(0.0, ge=0)
    eps: float = Field(1e-8, ge=0)

    @property
    def depends_on_epochs(self) -> bool:
        return False

    @property
    def follows_metrics(self) -> bool:
        return True

    def flaws(self, lr: float) -> Iterator[tuple[str, str]]:
        if self.min_lr > lr:
            yield "min_lr", f"{self.min_lr:g} is above the optimizer's lr {lr:g}, so the rate could never be reduced"


@SCHEDULES.register("reduce_on_plateau")
class ReduceOnPlateau(Schedule):
    """The learning rate times ``factor`` after each ``patience`` + 1 epochs without a better metric."""

    Config = PlateauConfig
    config: PlateauConfig

    def lr(self, step: int, records: Records) -> float:
        c = self.config
        lr, best, bad, cooling = self.initial, -inf if c.metric == "accuracy" else inf, 0, 0
        for record in records:
            value = judged(record, c.metric)
            if value is None:
                continue
            better = self._better(value, best)
            best, bad = (value, 0) if better else (best, bad + 1)
            if cooling > 0:
                cooling, bad = cooling - 1, 0
            if bad > c.patience:
                smaller = max(lr * c.factor, c.min_lr)
                lr = smaller if lr - smaller > c.eps else lr
                cooling, bad = c.cooldown, 0
        return lr

    def unreached(self) -> str | None:
        epochs, patience = self.span.steps // self.span.epoch_steps, self.config.patience
        if patience + 2 < epochs:
            return None
        return f"a patience of {patience} reduces nothing: it takes {patience + 2} epochs at least, of {epochs}"

    def _better(self, value: float, best: float) -> bool:
        threshold = self.config.threshold
        if self.config.metric == "accuracy":
            return value > (best * (1 + threshold) if self.config.threshold_mode == "rel" else best + threshold)
        return value < (best * (1 - threshold) if self.config.threshold_mode == "rel" else best - threshold)
