"""``nbcnn.train``: a training from a model's name, a file, a mapping or a network, in a run folder of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from nbcnn.config import Config, DataConfig, Overrides
from nbcnn.data import load_dataset
from nbcnn.data.user_arrays import own_dataset, write_folder
from nbcnn.data.validation_split import hold_out
from nbcnn.engine.network import Network
from nbcnn.plugins import blamed
from nbcnn.runs.run_folder import Run
from nbcnn.training.loading import config_of, with_options
from nbcnn.training.loop import run_training
from nbcnn.training.notebook_reporter import default_reporter
from nbcnn.training.reporter import Reporter
from nbcnn.training.trainer import Trainer
from nbcnn.util.model_values import model_values


@blamed()
def train(
    source: str | PathLike[str] | Mapping[str, Any] | Config | Network,
    overrides: Overrides | None = None,
    *,
    data: Any = None,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Run:
    """Train what ``source`` describes (a model's name, a YAML path, a mapping, a Config) and return its run folder.

    A Network is trained from the parameters that it has, and holds those of the last step afterwards. ``data`` is the
    name of a data set, a folder, or arrays, ``(images, labels)`` or ``((images, labels), (test_images, test_labels))``:
    see ``own_dataset``. Arrays are written into the run folder, as ``data``, so that the run can be evaluated and
    resumed. ``overrides``, or the names of its fields (``epochs=3``), change the config. The folder is ``out``, or the
    next free ``runs/NAME-K``. ``reporter`` is told of the progress; without one a notebook shows it.

    Raises ConfigError, ShapeError, KernelError, DataError, CheckpointError (the folder exists or can't be written),
    TrainingError (the loss is no longer a number) and PluginError (a plugin's own code failed); of the two last what
    was saved before stays. Ctrl-C or SIGTERM raises StoppedError, a KeyboardInterrupt, once the step is done and saved:
    resume.py goes on from there.
    """
    arrays = None
    if isinstance(data, (str, os.PathLike)):
        options["data"] = os.fspath(data)
    elif data is not None:
        arrays = own_dataset(data)
    given = source if isinstance(source, Network) else None
    config = config_of(given.config if given else source, with_options(overrides, options))  # type: ignore[arg-type]

    def begin(trainer: Trainer) -> Run:
        run = Run.create(out, config.name)
        if arrays is not None:
            folder = run.folder.resolve() / "data"
            write_folder(folder, arrays)
            trainer.network.config = with_folder(trainer.network.config, folder)
        trainer.begin_in(run)
        return run

    images = hold_out(arrays or load_dataset(config.data), config.data.validation, config.train.seed)
    network = Network(config)
    if given is not None:
        network.load_state_dict(given.state_dict(), "the network that was given")
    try:
        return run_training(network, images, begin, reporter or default_reporter())
    finally:
        if given is not None:
            given.load_state_dict(network.state_dict())
            given.classes, given.reading = network.classes, network.reading


def with_folder(config: Config, folder: Path) -> Config:
    """The config with the data of a folder; how pixels are scaled and how many images are held out stays."""
    kept = model_values(config.data, "python", include={"mean", "std", "validation"})
    data = DataConfig(folder=str(folder), **kept)
    return config.model_copy(update={"data": data})
