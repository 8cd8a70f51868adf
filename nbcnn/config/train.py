"""The config section ``train``: how a network is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from nbcnn.config.augment import AugmentConfig
from nbcnn.config.section import Count, NothingSet, Section
from nbcnn.layers.entries import Flaw, choose, refuse
from nbcnn.optim import OPTIMIZERS, OptimizerConfig

DEFAULT_OPTIMIZER: dict[str, Any] = {"sgd": {"lr": 0.1}}


class OptimizerChoice(NamedTuple):
    """An optimizer's registered name and its config."""

    name: str
    config: OptimizerConfig


def _optimizer(value: object) -> OptimizerChoice:
    return value if isinstance(value, OptimizerChoice) else OptimizerChoice(*choose(OPTIMIZERS, value))


_Optimizer = Annotated[
    OptimizerChoice,
    PlainValidator(_optimizer),
    PlainSerializer(lambda choice: {choice.name: choice.config.model_dump(mode="json")}),
    WithJsonSchema({"x-expected": "an optimizer, as in sgd: {lr: 0.1}"}),
]


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


class TrainConfig(Section):
    """Training settings. ``threads`` is None for as many as the machine has; they never change a result.
    ``executor`` is ``threads``, the engine, or ``serial``, which makes the same calls one by one in Python.

    ``checkpoint_every`` is None where only the ends of epochs are saved.
    """

    epochs: Count = 10
    batch_size: Count = 64
    optimizer: _Optimizer = Field(default_factory=lambda: _optimizer(DEFAULT_OPTIMIZER))
    init: Literal["default", "xavier_uniform", "kaiming_uniform"] = "default"
    weight_decay_on: Literal["all", "weights"] = "all"
    seed: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    executor: Literal["threads", "serial"] = "threads"
    shuffle: bool = True
    checkpoint_every: _Every = None
    augment: Annotated[AugmentConfig, NothingSet] = Field(default_factory=AugmentConfig)

    @model_validator(mode="after")
    def _fit_together(self) -> TrainConfig:
        name, config = self.optimizer
        if self.weight_decay_on == "weights" and "weight_decay" not in type(config).model_fields:
            sentence = f"{name} has no weight_decay to keep from bias and norm parameters; leave weight_decay_on out"
            refuse(Flaw(("weight_decay_on",), sentence, self.weight_decay_on))
        return self
