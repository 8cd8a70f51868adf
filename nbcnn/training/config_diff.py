"""Differences between the saved config of a run and the config that it is resumed with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbcnn.config import Config
from nbcnn.config.yaml_tree import show
from nbcnn.errors import ConfigError

FREE = {
    "train.epochs",
    "train.threads",
    "train.executor",
    "train.checkpoint_every",
    "train.early_stopping",
    "data.data_dir",
    "data.folder",
    "data.white_level",
}
"""Keys that decide how long, on what, from where and how it is read, and no bit of any step; a digest knows other
images. Epochs are not free where a schedule's rates depend on their number."""


def changes(before: Config, after: Config) -> list[str]:
    """One line for each key that differs and decides bits: ``train.seed: 0 → 1``."""
    old, new = (dict(_leaves(config.to_mapping(), "")) for config in (before, after))
    keys = [*old, *(key for key in new if key not in old)]
    return [
        f"{key}: {_shown(key, old)} → {_shown(key, new)}"
        for key in keys
        if old.get(key, _NONE) != new.get(key, _NONE)
        and not (key in FREE and not (key == "train.epochs" and _over_all_epochs(before, after)))
        and not key.startswith(("train.checkpoint_every.", "train.early_stopping."))
    ]


def refuse_changes(before: Config, after: Config, folder: str) -> None:
    """Raise ConfigError with the differences, if there are any."""
    found = changes(before, after)
    if any(line.startswith("train.epochs: ") for line in found):
        name = _over_all_epochs(before, after)
        found.append(f"({name} goes over all epochs of a training: with more or fewer of them every rate is another)")
    if found:
        raise ConfigError(
            "\n".join(
                [
                    f"{folder} was trained with another config, and would not go on as it began:",
                    *(f"  {line}" for line in found),
                    "undo this, or go on with the new values: --allow-changes (in Python allow_changes=True)",
                ]
            )
        )


def _over_all_epochs(before: Config, after: Config) -> str | None:
    """The schedule of either config whose learning rates depend on the number of epochs."""
    schedules = (config.train.schedule for config in (before, after))
    return next((name for name, config in schedules if config.depends_on_epochs), None)


_NONE = object()


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping and no list of mappings, under its path: ``layers[0].conv2d.bias``."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def _shown(key: str, values: dict[str, Any]) -> str:
    return show(values[key]) if key in values else "nothing"
