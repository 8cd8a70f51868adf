"""The config sections ``train.schedule`` and ``train.warmup``: how the learning rate changes during a training."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import Annotated, NamedTuple

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from nbcnn.config.optimizer import OptimizerChoice
from nbcnn.config.section import Count, Section
from nbcnn.layers.entries import Flaw, choose
from nbcnn.optim import OPTIMIZERS
from nbcnn.optim.schedules import SCHEDULES, ScheduleConfig
from nbcnn.util.model_values import model_values

DEFAULT_SCHEDULE = "constant"


class ScheduleChoice(NamedTuple):
    """A schedule's registered name and its config."""

    name: str
    config: ScheduleConfig


def default_schedule() -> ScheduleChoice:
    """The learning rate as it is."""
    return _schedule(DEFAULT_SCHEDULE)


def _schedule(value: object) -> ScheduleChoice:
    if isinstance(value, ScheduleChoice):
        return value
    return ScheduleChoice(*choose(SCHEDULES, DEFAULT_SCHEDULE if value is None else value))


ScheduleField = Annotated[
    ScheduleChoice,
    PlainValidator(_schedule),
    PlainSerializer(lambda choice: {choice.name: model_values(choice.config)}),
    WithJsonSchema({"x-expected": "a schedule, as in cosine: {T_max: 10}"}),
]


class WarmupConfig(Section):
    """Linear warm-up of the learning rate over ``steps`` of the optimizer or over whole ``epochs``.

    It begins at ``start_factor`` of the schedule's first rate, whose default is that of PyTorch's LinearLR.
    """

    steps: Count | None = None
    epochs: Count | None = None
    start_factor: float = Field(1 / 3, gt=0, le=1)

    @model_validator(mode="after")
    def _one_length(self) -> WarmupConfig:
        if (self.steps is None) == (self.epochs is None):
            got = "none" if self.steps is None else f"steps: {self.steps} and epochs: {self.epochs}"
            raise ValueError(f"expected one length, steps or epochs, as in {{epochs: 2}}, got {got}")
        return self

    def length(self, epoch_steps: int) -> int:
        """In steps of the optimizer, where an epoch has so many."""
        return self.steps if self.steps is not None else (self.epochs or 0) * epoch_steps


WarmupField = Annotated[
    WarmupConfig | None, WithJsonSchema({"x-expected": "steps or epochs, as in {epochs: 2}, or null"})
]


def schedule_flaws(
    schedule: ScheduleChoice, warmup: WarmupConfig | None, optimizer: OptimizerChoice, epochs: int
) -> Iterator[Flaw]:
    """What of schedule and warm-up contradicts one another, the optimizer or the length of the training."""
    name, config = schedule
    changing = [key for key, changes in (("schedule", name != DEFAULT_SCHEDULE), ("warmup", bool(warmup))) if changes]
    lr = getattr(optimizer.config, "lr", None)
    if changing and not (isinstance(lr, float) and takes(optimizer, "lr")):
        sentence = f"optimizer {optimizer.name} keeps its own learning rate: its step takes no lr; leave {{}} out"
        yield from (Flaw((key,), sentence.format(key)) for key in changing)
        return
    for key, sentence in config.flaws(lr) if lr is not None else ():
        yield Flaw(("schedule", name, key), sentence, getattr(config, key))
    if getattr(config, "cycle_momentum", False) and not takes(optimizer, "momentum"):
        sentence = f"optimizer {optimizer.name} has no momentum to cycle; set cycle_momentum: false"
        yield Flaw(("schedule", name), sentence)
    if warmup is None:
        return
    if name == "one_cycle":
        yield Flaw(("warmup",), "one_cycle warms up by itself, for its pct_start of the training; leave warmup out")
    if warmup.epochs is not None and warmup.epochs >= epochs:
        left = f"{epochs} - {warmup.epochs} = {epochs - warmup.epochs}"
        yield Flaw(("warmup", "epochs"), f"a warm-up of {warmup.epochs} epochs leaves {left} epochs to the schedule")


def takes(optimizer: OptimizerChoice, argument: str) -> bool:
    """Whether a schedule can hand an argument, ``lr`` or ``momentum``, to an optimizer's steps."""
    return argument in signature(OPTIMIZERS.get(optimizer.name).step).parameters
