"""Base classes of learning-rate schedules: a config, and the learning rate of each step.

A schedule keeps nothing: the learning rate follows from the step's number, or from the metrics of the epochs before, so
a training that is resumed has the rates of one that was never stopped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from nbcnn.errors import ConfigError
from nbcnn.util.registry import Registry

Records = Sequence[Mapping[str, Any]]
"""The metrics of the epochs so far, one record each, as in metrics.jsonl."""


class Span(NamedTuple):
    """What a schedule is for: ``steps`` steps of an optimizer, ``epoch_steps`` of them an epoch."""

    steps: int
    epoch_steps: int


class ScheduleConfig(BaseModel):
    """Base class of schedule configs: the YAML keys of a schedule."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @property
    def depends_on_epochs(self) -> bool:
        """Whether other ``train.epochs`` would change the rates of steps that come before the end."""
        return True

    @property
    def follows_metrics(self) -> bool:
        """Whether rates depend on the metrics of epochs before, so that a training can't go on without them."""
        return False

    def flaws(self, lr: float) -> Iterator[tuple[str, str]]:
        """Keys whose numbers contradict the optimizer's learning rate, each with a sentence."""
        return iter(())


class IntervalConfig(ScheduleConfig):
    """A schedule that counts epochs, or steps of the optimizer."""

    interval: Literal["epoch", "step"] = "epoch"

    @property
    def depends_on_epochs(self) -> bool:
        return False


class Schedule(ABC):
    """One schedule for a ``span``; ``initial`` is the optimizer's learning rate."""

    Config: ClassVar[type[ScheduleConfig]]

    def __init__(self, config: ScheduleConfig, initial: float, span: Span) -> None:
        self.config, self.initial, self.span = config, initial, span

    @abstractmethod
    def lr(self, step: int, records: Records) -> float:
        """The learning rate of a step, counted from 0, that ``records`` come before."""

    def momentum(self, step: int) -> float | None:
        """The momentum of a step; None where the schedule leaves it as it is."""
        return None

    def unreached(self) -> str | None:
        """What of the schedule comes after the end of the training, as a sentence."""
        return None

    @property
    def length(self) -> int:
        """The steps or epochs of the training, whichever the config's ``interval`` says."""
        return self.count(self.span.steps)

    def count(self, step: int) -> int:
        """The steps or epochs that are complete before a step, whichever the config's ``interval`` says."""
        by_step = getattr(self.config, "interval", "epoch") == "step"
        return step if by_step else step // self.span.epoch_steps


SCHEDULES: Registry[type[Schedule]] = Registry(
    "schedule", "nbcnn.optim.schedules", ConfigError, (Schedule, {"Config": ScheduleConfig})
)
