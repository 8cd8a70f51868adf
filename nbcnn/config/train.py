"""The config section ``train``: how a network is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, WithJsonSchema, model_validator

from nbcnn.config.augment import AugmentConfig
from nbcnn.config.optimizer import OptimizerField, default_optimizer
from nbcnn.config.schedule import ScheduleField, WarmupField, default_schedule, schedule_flaws
from nbcnn.config.section import Count, NothingSet, Section
from nbcnn.layers.entries import Flaw, refuse
from nbcnn.optim.schedules.metrics import Metric


class CheckpointEvery(Section):
    """How often the training state is saved: after so many ``steps`` or ``seconds``, whichever come first."""

    steps: Count | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _something(self) -> CheckpointEvery:
        if self.steps is None and self.seconds is None:
            raise ValueError("expected steps or seconds, as in {steps: 200}, or null")
        return self


_Every = Annotated[
    CheckpointEvery | None, WithJsonSchema({"x-expected": "steps or seconds, as in {steps: 200}, or null"})
]


class EMAConfig(Section):
    """The exponential moving average of the weights, which keeps ``decay`` of itself at each step."""

    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999


class EarlyStopping(Section):
    """The end of a training whose ``metric`` has not become better, by more than ``min_delta``, for so many epochs."""

    patience: Count
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    metric: Metric = "loss"


_EMA = Annotated[EMAConfig | None, WithJsonSchema({"x-expected": "a decay, as in {decay: 0.999}, or null"})]
_Stopping = Annotated[EarlyStopping | None, WithJsonSchema({"x-expected": "a patience, as in {patience: 5}, or null"})]
_MaxNorm = Annotated[float, Field(gt=0)]
_ClassWeight = Annotated[float, Field(gt=0)]


class TrainConfig(Section):
    """Training settings. ``threads`` is None for as many as the machine has; they never change a result.
    ``executor`` is ``threads``, the engine, or ``serial``, which makes the same calls one by one in Python.

    ``checkpoint_every`` is None where only the ends of epochs are saved.
    """

    epochs: Count = 10
    batch_size: Count = 64
    optimizer: OptimizerField = Field(default_factory=default_optimizer)
    init: Literal["default", "xavier_uniform", "kaiming_uniform"] = "default"
    weight_decay_on: Literal["all", "weights"] = "all"
    schedule: ScheduleField = Field(default_factory=default_schedule)
    warmup: WarmupField = None
    clip_grad_norm: _MaxNorm | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Annotated[tuple[_ClassWeight, ...], Field(min_length=1)] | None = None
    ema: _EMA = None
    early_stopping: _Stopping = None
    seed: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    executor: Literal["threads", "serial"] = "threads"
    shuffle: bool = True
    checkpoint_every: _Every = None
    augment: Annotated[AugmentConfig, NothingSet] = Field(default_factory=AugmentConfig)

    _places: dict[str, str] = PrivateAttr(default_factory=dict)

    def where(self, key: str) -> str:
        """``x.yaml:4:8: train.warmup``, or the key path alone for a config made in Python."""
        return self._places.get(key, f"train.{key}")

    def placed(self, key: str, where: str) -> None:
        """Remember the place of a key."""
        self._places[key] = where

    @model_validator(mode="after")
    def _fit_together(self) -> TrainConfig:
        name, config = self.optimizer
        if self.weight_decay_on == "weights" and "weight_decay" not in type(config).model_fields:
            sentence = f"{name} has no weight_decay to keep from bias and norm parameters; leave weight_decay_on out"
            refuse(Flaw(("weight_decay_on",), sentence, self.weight_decay_on))
        if flaws := list(schedule_flaws(self.schedule, self.warmup, self.optimizer, self.epochs)):
            refuse(*flaws)
        return self
