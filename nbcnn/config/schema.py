"""The schema of configs: pydantic models of every YAML key, with their defaults.

Frozen and strict: ``true`` is no number and ``"5"`` is none either; a whole number may stand where a real one is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from nbcnn.config.augment import AugmentConfig
from nbcnn.config.data import DataConfig
from nbcnn.config.folders import relative_folders
from nbcnn.config.precision import precision_flaws, scaling_flaws
from nbcnn.config.section import NothingSet, Section
from nbcnn.config.writer import to_yaml
from nbcnn.kernels.registry import op_names
from nbcnn.layers.entries import Flaw, LayerList, backend_flaws, choose, refuse
from nbcnn.optim import OPTIMIZERS, OptimizerConfig
from nbcnn.util.suggestions import nearest

DEFAULT_OPTIMIZER: dict[str, Any] = {"sgd": {"lr": 0.1}}


_Count = Annotated[int, Field(ge=1)]


class InputConfig(Section):
    """The size of an input image: channels, height and width, each at least 1."""

    channels: _Count
    height: _Count
    width: _Count

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width


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

    steps: _Count | None = None
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

    epochs: _Count = 10
    batch_size: _Count = 64
    optimizer: _Optimizer = Field(default_factory=lambda: _optimizer(DEFAULT_OPTIMIZER))
    init: Literal["default", "xavier_uniform", "kaiming_uniform"] = "default"
    seed: Annotated[int, Field(ge=0)] = 0
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    executor: Literal["threads", "serial"] = "threads"
    shuffle: bool = True
    checkpoint_every: _Every = None
    augment: Annotated[AugmentConfig, NothingSet] = Field(default_factory=AugmentConfig)


# The name becomes a part of the run folder's name, so it can't lead out of `runs`.
_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
_EXPECTED_NAME = {"x-expected": "a name of at most 80 letters, digits, '.', '_' and '-'"}
_Name = Annotated[str, Field(pattern=_NAME), WithJsonSchema({"type": "string", "pattern": _NAME, **_EXPECTED_NAME})]


def _known_backends(backends: Any) -> Any:
    flaws = []
    for op, name in backends.items() if isinstance(backends, Mapping) else ():
        if not isinstance(name, str):
            flaws.append(Flaw((op,), "expected the name of a backend", name, about="got"))
        elif op not in op_names():
            flaws.append(Flaw((op,), f"unknown op {op!r}; {nearest(op, op_names())}", name, about="key"))
        else:
            flaws += backend_flaws((op,), op, name)
    if flaws:
        refuse(*flaws)
    return backends


class Config(Section):
    """A network, its data and its training. Two configs are equal when their YAML is, wherever they came from."""

    name: _Name
    input: InputConfig
    layers: LayerList
    backends: Annotated[dict[str, str], BeforeValidator(_known_backends), NothingSet] = Field(default_factory=dict)
    data: Annotated[DataConfig, NothingSet] = Field(default_factory=lambda: DataConfig.model_validate({}))
    train: Annotated[TrainConfig, NothingSet] = Field(default_factory=TrainConfig)

    @model_validator(mode="after")
    def _fits_the_input(self) -> Config:
        channels, flaws = self.input.channels, []
        for key in ("mean", "std"):
            count = len(getattr(self.data, key))
            if count not in (1, channels):
                wanted = "1 number" if channels == 1 else f"1 number or {channels}, one for each input channel"
                flaws.append(Flaw(("data", key), f"expected {wanted}, got {count}"))
        padding, (height, width) = self.train.augment.random_crop.padding, self.input.shape[1:]
        if padding > (most := min(height, width) - 1):
            sentence = f"expected at most {most}, so that something is left of images of {height}×{width}"
            flaws.append(Flaw(("train", "augment", "random_crop", "padding"), sentence, padding, about="got"))
        if self.train.executor == "serial" and self.train.threads not in (None, 1):
            sentence = "expected 1 or null, for executor: serial has one thread"
            flaws.append(Flaw(("train", "threads"), sentence, self.train.threads, about="got"))
        flaws += [flaw for flaw in precision_flaws(self, ()) if flaw.loc[0] == "layers"]
        flaws += precision_flaws(self.data, ("data",))
        optimizer = self.train.optimizer
        flaws += precision_flaws(optimizer.config, ("train", "optimizer", optimizer.name))
        if not flaws:
            flaws += [f._replace(loc=("data", *f.loc)) for f in scaling_flaws(self.data.mean, self.data.std)]
        if flaws:
            refuse(*flaws)
        return self

    def to_mapping(self) -> dict[str, Any]:
        """The plain values that YAML would hold, every default shown."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """YAML that loads to an equal config, every default shown."""
        return to_yaml(self.to_mapping())

    def to_yaml_in(self, folder: Path) -> str:
        """The YAML of a file in ``folder``: data folders are relative to it where both are below the current folder."""
        mapping = self.to_mapping()
        return to_yaml(mapping | {"data": relative_folders(mapping["data"], folder)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.to_mapping() == other.to_mapping()

    def __hash__(self) -> int:
        return hash(self.to_yaml())
