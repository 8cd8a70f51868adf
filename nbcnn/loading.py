"""From a name, a YAML file or a run folder to a network in memory."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.checkpoint import load_weights
from nbcnn.config import Config, Overrides, load_config, model_names
from nbcnn.errors import CheckpointError, ConfigError, is_printable, nearest, shown
from nbcnn.files import read_file
from nbcnn.network import Network, shapes_of
from nbcnn.plugins import loaded_plugins
from nbcnn.runs import Kind, Run
from nbcnn.userfolders import expanded

LARGEST_INFO = 1 << 24
"""Bytes of a run.json: a few thousand, and a hundred for each class."""


def load(
    source: str | Path | Mapping[str, Any],
    *,
    weights: str | Path | None = None,
    which: Kind = "best",
    overrides: Overrides | None = None,
) -> Network:
    """A network: a model's name or a YAML path gives initial parameters, a run folder its trained ones.

    ``weights`` is a safetensors file to take parameters from instead, this library's or PyTorch's; ``which`` chooses
    between a run's ``best`` and ``last`` checkpoint. Raises ConfigError, ShapeError, CheckpointError.
    """
    overrides = overrides or Overrides()
    _warn_of_hidden_run(source)
    run = Run.open(str(source)) if is_run(source) else None
    config = load_config(run.folder if run else source, overrides)
    path = weights or (run.weights_path(which) if run else None)
    # Before the network's arrays are made: a config that asks for terabytes fits no file of weights that there is.
    found = load_weights(path, shapes_of(config))[0] if path is not None else None
    network = Network(config)
    if found is not None:
        network.load_state_dict(found, str(path))
        _warn_of_wrong_numbers(network, path)
    if run:
        info = read_info(run)
        network.classes = tuple(info.get("classes", ()))
        _warn_of_other_plugins(run, info)
    return network


def _warn_of_wrong_numbers(network: Network, path: str | Path | None) -> None:
    """Say so where parameters are NaN or infinite: whatever the network says then means nothing."""
    wrong = [name for name, tensor in network.tensors.items() if not np.isfinite(tensor).all()]
    if wrong:
        warnings.warn(
            f"{path}: {wrong[0]} holds NaN or infinity, so what this network says means nothing",
            RuntimeWarning,
            stacklevel=3,
        )


def _warn_of_hidden_run(source: object) -> None:
    """Say so where a model's name is a run folder's too, whose trained parameters may have been meant."""
    if isinstance(source, str) and source in model_names() and Run(source).config.is_file():
        warnings.warn(
            f"{source} is the model that comes with nbcnn, with initial parameters; the run folder of that name is "
            f"written ./{source}",
            RuntimeWarning,
            stacklevel=3,
        )


def _warn_of_other_plugins(run: Run, info: Mapping[str, Any]) -> None:
    """Say so where a plugin that a run was made with is loaded with another content."""
    recorded = info.get("plugins")
    entries = recorded if isinstance(recorded, list) else []  # older runs have none
    used = {str(entry.get("name")): entry.get("sha256") for entry in entries if isinstance(entry, dict)}
    for plugin in loaded_plugins():
        if plugin.name in used and used[plugin.name] != plugin.digest:
            warnings.warn(
                f"{shown(run.folder)} was made with another version of the plugin {plugin.name} than "
                f"{shown(plugin.file)}",
                RuntimeWarning,
                stacklevel=3,
            )


def read_info(run: Run) -> dict[str, Any]:
    """The content of run.json; {} where a training ended before it was written.

    Raises CheckpointError for one that is damaged or holds what no training writes.
    """
    if not run.info.exists():
        return {}
    data = read_file(run.info, LARGEST_INFO, CheckpointError)
    try:
        info = json.loads(data)
    except (ValueError, RecursionError) as fault:
        raise CheckpointError(f"{run.info} can't be read ({fault}); restore it or train again") from fault
    if not isinstance(info, dict):
        raise CheckpointError(f"{run.info} can't be read (it holds no mapping); restore it or train again")
    classes = info.get("classes", [])
    if not (isinstance(classes, list) and all(isinstance(one, str) and is_printable(one) for one in classes)):
        raise CheckpointError(f"{run.info}: classes must be a list of printable names; restore it or train again")
    if info.get("dark_background") not in (True, False, None):
        raise CheckpointError(f"{run.info}: dark_background must be true, false or null; restore it or train again")
    return info


def with_options(overrides: Overrides | None, options: Mapping[str, Any]) -> Overrides:
    """Overrides with some of their fields given by name; raises ConfigError for a name that is none of them."""
    if overrides is not None and not isinstance(overrides, Overrides):
        raise ConfigError(f"overrides must be nbcnn.Overrides(...), got {type(overrides).__name__}")
    known = [field.name for field in fields(Overrides)]
    for name in options:
        if name not in known:
            raise ConfigError(f"unknown option {name!r}; {nearest(name, known)}")
    return replace(overrides or Overrides(), **options)


def config_of(source: str | Path | Mapping[str, Any] | Config, overrides: Overrides) -> Config:
    """The config of any source, a Config made in Python included; raises ConfigError."""
    if not isinstance(source, Config):
        return load_config(source, overrides)
    return source if overrides == Overrides() else load_config(source.to_mapping(), overrides)


def trained(source: str | Path) -> Run:
    """The run folder that ``source`` names; raises CheckpointError, also for a model that has yet to be trained."""
    run = Run(source)
    if run.config.is_file() or not (str(source) in model_names() or run.folder.suffix in (".yaml", ".yml")):
        return Run.open(source)
    raise CheckpointError(f"{source} is not trained yet: train it (nbcnn train {source}) and give its run folder")


def is_run(source: object) -> bool:
    """Whether ``source`` names a folder, which can only be meant as a run folder.

    A model's name is the model, here as everywhere; a folder of that name is ``./lenet``, or a Path.
    """
    if isinstance(source, str) and source in model_names():
        return False
    return isinstance(source, (str, Path)) and expanded(source).is_dir()
