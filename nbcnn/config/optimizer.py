"""The config entry ``train.optimizer``: an optimizer's name, alone or with its arguments."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from nbcnn.layers.entries import choose
from nbcnn.optim import OPTIMIZERS, OptimizerConfig
from nbcnn.util.model_values import model_values

DEFAULT_OPTIMIZER: dict[str, Any] = {"sgd": {"lr": 0.1}}


class OptimizerChoice(NamedTuple):
    """An optimizer's registered name and its config."""

    name: str
    config: OptimizerConfig


def default_optimizer() -> OptimizerChoice:
    """Plain SGD."""
    return _optimizer(DEFAULT_OPTIMIZER)


def _optimizer(value: object) -> OptimizerChoice:
    return value if isinstance(value, OptimizerChoice) else OptimizerChoice(*choose(OPTIMIZERS, value))


OptimizerField = Annotated[
    OptimizerChoice,
    PlainValidator(_optimizer),
    PlainSerializer(lambda choice: {choice.name: model_values(choice.config)}),
    WithJsonSchema({"x-expected": "an optimizer, as in sgd: {lr: 0.1}"}),
]
