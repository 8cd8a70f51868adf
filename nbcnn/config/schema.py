"""The schema of configs: pydantic models of every YAML key, with their defaults.

Frozen and strict: ``true`` is no number and ``"5"`` is none either; a whole number may stand where a real one is meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    Field,
    WithJsonSchema,
    model_validator,
)

from nbcnn.config.backend_names import BackendsField
from nbcnn.config.data import DataConfig
from nbcnn.config.folders import relative_folders
from nbcnn.config.precision import float32_flaw, precision_flaws, scaling_flaws
from nbcnn.config.section import Count, NothingSet, Section
from nbcnn.config.substitution import BlocksField, substituted
from nbcnn.config.train import TrainConfig
from nbcnn.config.writer import to_yaml
from nbcnn.layers.entries import Flaw, LayerList, refuse
from nbcnn.util.model_values import model_values


class InputConfig(Section):
    """The size of an input image: channels, height and width, each at least 1."""

    channels: Count
    height: Count
    width: Count

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width


# The name becomes a part of the run folder's name, so it can't lead out of `runs`.
_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
_EXPECTED_NAME = {"x-expected": "a name of at most 80 letters, digits, '.', '_' and '-'"}
_Name = Annotated[str, Field(pattern=_NAME), WithJsonSchema({"type": "string", "pattern": _NAME, **_EXPECTED_NAME})]


class Config(Section):
    """A network, its data and its training. Two configs are equal when their YAML is, wherever they came from."""

    name: _Name
    input: InputConfig
    blocks: BlocksField = Field(default_factory=dict, exclude=True)
    layers: LayerList
    backends: Annotated[BackendsField, NothingSet] = Field(default_factory=dict)
    data: Annotated[DataConfig, NothingSet] = Field(default_factory=lambda: DataConfig.model_validate({}))
    train: Annotated[TrainConfig, NothingSet] = Field(default_factory=TrainConfig)

    _without_blocks = model_validator(mode="before")(substituted)

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
        for index, weight in enumerate(self.train.class_weights or ()):
            if flaw := float32_flaw(weight, {}):
                flaws.append(Flaw(("train", "class_weights", index), flaw, weight))
        if not flaws:
            flaws += [f._replace(loc=("data", *f.loc)) for f in scaling_flaws(self.data.mean, self.data.std)]
        if flaws:
            refuse(*flaws)
        return self

    def to_mapping(self) -> dict[str, Any]:
        """The plain values that YAML would hold, every default shown."""
        return model_values(self)

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
