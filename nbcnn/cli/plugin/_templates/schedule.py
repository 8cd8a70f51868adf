"""A learning-rate schedule: polynomial decay. The file's name is its name in YAML.

In a network file it stands as `train: {schedule: {NAME: {power: 2}}}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from nbcnn.plugin import Schedule, ScheduleConfig, register


class MyConfig(ScheduleConfig):
    """What YAML may say: each field is a key with its type, its bounds and its default."""

    power: float = Field(1.0, gt=0)

    @property
    def depends_on_epochs(self) -> bool:
        """Whether other `train.epochs` would change the rates of steps before the end; then resume refuses them."""
        return True


@register.schedule()
class MySchedule(Schedule):
    """From the optimizer's learning rate down to nearly 0 at the last step."""

    Config = MyConfig
    config: MyConfig

    def lr(self, step: int, records: Sequence[Mapping[str, Any]]) -> float:
        """The rate of a step, counted from 0. Keep nothing here: a training that is resumed asks from where it is.

        `self.initial` is the optimizer's lr; `self.span.steps` are all steps, `self.span.epoch_steps` those of an
        epoch; `records` are the metrics of the epochs so far, as in metrics.jsonl.
        """
        return float(self.initial * (1 - step / self.span.steps) ** self.config.power)
