"""Metadata of trained weights in a safetensors file: class names, pixel scaling, settings for reading pictures.

It is in the metadata of the safetensors file, as JSON under one key of its own: other programs ignore it, and the
metadata of other programs are ignored here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nbcnn.config import Config, Overrides
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.network import Network
from nbcnn.errors import CheckpointError, is_printable

KEY = "nbcnn"

LARGEST = 1 << 24
"""Characters: a few hundred, and a hundred for each class."""


@dataclass(frozen=True)
class WeightsMetadata:
    """Names of the classes; ``mean`` and ``std`` of pixels; ``size`` and ``grayscale`` of a folder's pictures."""

    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None
    grayscale: bool = False
    reading: PictureSettings = field(default_factory=PictureSettings)

    @classmethod
    def of(cls, network: Network) -> WeightsMetadata:
        """Those of a network that was given its data."""
        data = network.config.data
        return cls(
            network.classes, data.mean, data.std, data.size, data.grayscale, network.reading or PictureSettings()
        )

    def to_metadata(self) -> dict[str, str]:
        """The entry of a safetensors file's metadata; the same facts give the same text."""
        flat = asdict(self)
        return {KEY: json.dumps(flat | flat.pop("reading"), sort_keys=True, ensure_ascii=False)}

    def onto(self, config: Config, overrides: Overrides) -> tuple[Config, list[str]]:
        """The config with the pixels that the weights were trained with, and what in it was another, in words.

        What ``overrides`` set stays as it is there, and so does the folder of pictures that a config reads.
        """
        data = config.data
        new: dict[str, Any] = {"mean": self.mean, "std": self.std}
        if data.folder is not None and self.reading.pictures:
            new |= {"white_level": self.reading.white_level} if data.white_level is None else {}
            new |= {"size": self.size} if data.size is None else {}
            new |= {"grayscale": True} if self.grayscale else {}
        new = {key: value for key, value in new.items() if getattr(data, key) != value and not _is_set(key, overrides)}
        if any(len(new[key]) not in (1, config.input.channels) for key in ("mean", "std") if key in new):
            return config, []  # of another network, which the weights' shapes will say
        differing = [
            f"data.{key} {_shown(new[key])} (not {_shown(getattr(data, key))})" for key in new if key in _PIXELS
        ]
        return config.model_copy(update={"data": data.model_copy(update=new)}), differing


_PIXELS = ("mean", "std")
_READING = ("pictures", "dark_background", "white_level")
_SORTS: dict[str, Any] = {
    "classes": lambda v: _is_list(v) and all(isinstance(name, str) and is_printable(name) for name in v),
    "mean": lambda v: _is_list(v) and len(v) > 0 and all(map(_is_number, v)),
    "std": lambda v: _is_list(v) and len(v) > 0 and all(_is_number(x) and x > 0 for x in v),
    "size": lambda v: v is None or (_is_list(v) and len(v) == 2 and all(map(_is_count, v))),
    "grayscale": lambda v: isinstance(v, bool),
    "pictures": lambda v: isinstance(v, bool),
    "dark_background": lambda v: v is None or isinstance(v, bool),
    "white_level": lambda v: v is None or _is_count(v),
}
_EXPECTED = {
    "classes": "a list of printable names",
    "mean": "a list of numbers",
    "std": "a list of numbers above 0",
    "size": "null or two whole numbers above 0",
    "grayscale": "true or false",
    "pictures": "true or false",
    "dark_background": "true, false or null",
    "white_level": "null or a whole number above 0",
}


def read_metadata(metadata: Mapping[str, str], source: str) -> WeightsMetadata | None:
    """The facts in a file's metadata, None where there are none (older files, and those of other programs).

    Raises CheckpointError where they are not what nbcnn writes.
    """
    text = metadata.get(KEY)
    if text is None:
        return None
    wrong, remedy = f"{source}: its metadata", "restore the file or train again"
    if len(text) > LARGEST:
        raise CheckpointError(f"{wrong} are longer than {LARGEST:,} characters; {remedy}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise CheckpointError(f"{wrong} can't be read ({fault}); {remedy}") from fault
    if not isinstance(found, dict):
        raise CheckpointError(f"{wrong} can't be read (they hold no mapping); {remedy}")
    return _checked(found, wrong, remedy)


def checked_reading(found: Mapping[str, Any], source: str) -> PictureSettings | None:
    """How pictures were read, as run.json has it; None where it does not say. Raises CheckpointError."""
    names = [name for name in _READING if name in found]
    for name in names:
        if not _SORTS[name](found[name]):
            raise CheckpointError(f"{source}: {name} must be {_EXPECTED[name]}; restore it or train again")
    values: dict[str, Any] = {name: found[name] for name in names}
    return PictureSettings(**values) if names else None


def _checked(found: Mapping[str, Any], wrong: str, remedy: str) -> WeightsMetadata:
    """Keys that are not known are those of a later version, and left alone; those that are not there have defaults."""
    for name, fits in _SORTS.items():
        if name in found and not fits(found[name]):
            raise CheckpointError(f"{wrong}: {name} must be {_EXPECTED[name]}; {remedy}")
    values: dict[str, Any] = {name: found[name] for name in _SORTS if name in found}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    reading = {name: values.pop(name) for name in _READING if name in values}
    return WeightsMetadata(**values, reading=PictureSettings(**reading))


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e30 and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_set(key: str, overrides: Overrides) -> bool:
    names = [text.partition("=")[0].strip().replace("[", ".").split(".")[:2] for text in overrides.sets]
    return ["data"] in names or ["data", key] in names


def _shown(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers[:4]) + ", …" * (len(numbers) > 4)
