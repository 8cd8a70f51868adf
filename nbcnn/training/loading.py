"""``nbcnn.load``: a network from a model's name, a YAML file or a run folder."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.config import Config, Overrides, load_config, model_names
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.network import Network, shapes_of
from nbcnn.engine.weights_metadata import checked_reading, read_metadata
from nbcnn.errors import CheckpointError, ConfigError, is_printable, shown
from nbcnn.plugins import loaded_plugins
from nbcnn.runs.checkpoint import load_weights
from nbcnn.runs.run_folder import Kind, Run
from nbcnn.training.model import Model
from nbcnn.util.files import read_file
from nbcnn.util.suggestions import nearest
from nbcnn.util.user_folders import expanded

LARGEST_INFO = 1 << 24
"""Bytes of a run.json: a few thousand, and a hundred for each class."""


def load(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    weights: str | Path | None = None,
    which: Kind = "best",
    overrides: Overrides | None = None,
) -> Model:
    """A network: a model's name or a YAML path gives initial parameters, a run folder its trained ones.

    ``weights`` is a safetensors file to take parameters from instead, this library's or PyTorch's; ``which`` chooses
    between a run's ``best`` and ``last`` checkpoint. A file of this library's brings its classes, ``mean`` and ``std``
    too, and a warning tells where the config's are others. Raises ConfigError, ShapeError, CheckpointError.
    """
    overrides = overrides or Overrides()
    _warn_of_hidden_run(source)
    run = Run.open(str(source)) if is_run(source) else None
    config = load_config(run.folder if run else source, overrides)
    info = read_info(run) if run else {}
    config = with_data_found(config, info, overrides)
    path = weights or (run.weights_path(which) if run else None)
    # Before the network's arrays are made: a config that asks for terabytes fits no file of weights that there is.
    found, facts = None, None
    if path is not None:
        found, metadata = load_weights(path, shapes_of(config))
        facts = read_metadata(metadata, str(path))
    if facts is not None:
        config, differing = facts.onto(config, overrides)
        if differing:
            text = f"{shown(path or '')} was trained with {' and '.join(differing)} of the config: its own are used"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
    network = Model(config)
    if found is not None:
        network.load_state_dict(found, str(path))
        _warn_of_wrong_numbers(network, path)
    if run:
        network.classes, network.reading = class_names(info), _reading(info, config, str(run.info))
        network.trained_on = trained_on(info)
        _warn_of_other_plugins(run, info)
    if facts is not None:
        network.classes, network.reading = facts.classes, facts.reading
    return network


def _reading(info: Mapping[str, Any], config: Config, source: str) -> PictureSettings | None:
    """How a run's pictures were read, where run.json alone says it: older runs, whose weights do not."""
    found = checked_reading(info, source)
    if found is None or "pictures" in info:
        return found
    data = info.get("data")
    how = str(data.get("source", "")) if isinstance(data, dict) else ""
    return replace(found, pictures=config.data.folder is not None and how.endswith(")"))


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
    used = {str(entry.get("name")): entry for entry in entries if isinstance(entry, dict)}
    for plugin in loaded_plugins():
        before, now = used.get(plugin.name, {}), plugin.record()
        if any(before[key] != now.get(key) for key in ("sha256", "helpers") if key in before):
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
    checked_reading(info, str(run.info))
    return info


def class_names(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a network's outputs, in order, from the content of run.json; () where they are not known."""
    return tuple(info.get("classes", ()))


def with_data_found(config: Config, info: Mapping[str, Any], overrides: Overrides) -> Config:
    """The config with the folder of images that run.json names where its own is not there: a run was moved alone.

    A folder that an override names is left as it is.
    """
    folder, recorded = config.data.folder, trained_on(info).get("folder")
    asked = overrides.data is not None or any(text.lstrip().startswith("data") for text in overrides.sets)
    if folder is None or asked or os.path.isdir(folder):
        return config
    if not isinstance(recorded, str) or not os.path.isdir(recorded):
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"folder": recorded})})


def trained_on(info: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of run.json about the data: name, source, counts of images, digest; {} where it says nothing."""
    found = info.get("data")
    return found if isinstance(found, dict) else {}


def with_options(overrides: Overrides | None, options: Mapping[str, Any]) -> Overrides:
    """Overrides with some of their fields given by name; raises ConfigError for a name that is none of them."""
    if overrides is not None and not isinstance(overrides, Overrides):
        raise ConfigError(f"overrides must be nbcnn.Overrides(...), got {type(overrides).__name__}")
    known = [field.name for field in fields(Overrides)]
    for name in options:
        if name not in known:
            raise ConfigError(f"unknown option {name!r}; {nearest(name, known)}")
    return replace(overrides or Overrides(), **options)


def config_of(source: str | PathLike[str] | Mapping[str, Any] | Config, overrides: Overrides) -> Config:
    """The config of any source, a Config made in Python included; raises ConfigError."""
    if not isinstance(source, Config):
        config = load_config(source, overrides)
        return with_data_found(config, read_info(Run(str(source))), overrides) if is_run(source) else config
    return source if overrides == Overrides() else load_config(source.to_mapping(), overrides)


def trained(source: str | PathLike[str]) -> Run:
    """The run folder that ``source`` names; raises CheckpointError, also for a model that has yet to be trained."""
    if not isinstance(source, (str, PathLike)):
        raise CheckpointError(f"expected the path of a run folder, got {type(source).__name__}")
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
    return isinstance(source, (str, PathLike)) and expanded(source).is_dir()
