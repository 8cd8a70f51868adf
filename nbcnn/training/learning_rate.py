"""The learning rate of each step of a training, from its schedule and warm-up, as a function without state."""

from __future__ import annotations

import warnings

from nbcnn.config import TrainConfig
from nbcnn.errors import ConfigError
from nbcnn.optim import OptimizerConfig
from nbcnn.optim.schedules import SCHEDULES, Span
from nbcnn.optim.schedules.base import Records
from nbcnn.optim.schedules.warmup import WarmUp
from nbcnn.training.state import Position


class LearningRate:
    """The schedule of a training on ``images`` images, asked at a position for what the optimizer's step takes."""

    def __init__(self, settings: TrainConfig, images: int) -> None:
        self._epoch_steps, self._batch_size = -(-images // settings.batch_size), settings.batch_size
        (name, config), warmup = settings.schedule, settings.warmup
        steps, first = settings.epochs * self._epoch_steps, warmup.length(self._epoch_steps) if warmup else 0
        if first >= steps:
            raise ConfigError(
                f"{settings.where('warmup')}: a warm-up of {first:,} steps leaves nothing to the schedule, for the "
                f"training has {settings.epochs} · {self._epoch_steps:,} = {steps:,} steps; warm up for fewer"
            )
        own = getattr(config, "max_lr", None)
        self.key = f"train.schedule.{name}.max_lr" if own else f"train.optimizer.{settings.optimizer.name}.lr"
        """Where the learning rate is set."""
        self._initial = getattr(settings.optimizer.config, "lr", None)
        self._varies = name != "constant" or warmup is not None
        schedule = SCHEDULES.get(name)(config, self._initial or 0.0, Span(steps - first, self._epoch_steps))
        if late := schedule.unreached():
            warnings.warn(f"{settings.where('schedule')}: {late}", RuntimeWarning, stacklevel=2)
        self._schedule = WarmUp(schedule, first, warmup.start_factor if warmup else 1.0)

    def arguments(self, position: Position, records: Records) -> dict[str, float]:
        """What the optimizer's next step takes besides the gradient: nothing where its own learning rate stays."""
        if not self._varies:
            return {}
        step = self._step(position)
        momentum = self._schedule.momentum(step)
        return {"lr": self._schedule.lr(step, records)} | ({} if momentum is None else {"momentum": momentum})

    def last(self, position: Position, records: Records) -> float | None:
        """The learning rate of the last step before a position; None of an optimizer that has none."""
        return self._schedule.lr(self._step(position) - 1, records) if self._varies else self._initial

    def prepared(self, config: OptimizerConfig) -> OptimizerConfig:
        """The optimizer's config with the momentum of the first step, so that it keeps what momentum needs."""
        momentum = self._schedule.momentum(0)
        if momentum is None or "momentum" not in type(config).model_fields:
            return config
        return config.model_copy(update={"momentum": momentum})

    def _step(self, position: Position) -> int:
        """The steps of whole epochs and of this one, as if all had had batches of this size."""
        return position.epochs * self._epoch_steps - (-position.seen // self._batch_size)


def follows_metrics(settings: TrainConfig) -> str | None:
    """What of a training depends on the metrics of the epochs before, if anything does."""
    if settings.schedule.config.follows_metrics:
        return settings.schedule.name
    return "early_stopping" if settings.early_stopping else None
