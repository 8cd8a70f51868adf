"""docs/models.csv: the log of the trainings that docs/models.md is made from, a line for each epoch.

Run folders are large and stay where they were made; this is what is kept of them. A training's result is the
``test_accuracy`` of the last of its lines that has one: where validation images chose the checkpoint, only the line
of that epoch has. ``config`` is a digest of the model's file: lines of an earlier recipe are refused. A line without an
epoch is of a training of which only the result was kept.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from nbcnn.config import Config, load_config
from nbcnn.config.loader import find_model
from nbcnn.engine.network import with_settings
from nbcnn.errors import CheckpointError, ConfigError
from nbcnn.runs.run_folder import Run
from nbcnn.training.config_diff import changes
from nbcnn.training.final_test import read_result
from nbcnn.training.seeds_table import SeedRuns, is_seeds, row_of

NUMBERS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds", "test_accuracy")
COLUMNS = ("model", "config", "seed", "epochs", "epoch", *NUMBERS)
Line = dict[str, str]
Log = dict[tuple[str, int], list[Line]]
"""The lines of each training, by model and seed."""


def comparable(config: Config) -> Config:
    """Without what is no matter of the recipe: the seed, the data's folder, and the backends that ``auto`` has chosen."""
    data = config.data.model_copy(update={"data_dir": None})
    layers = with_settings(
        config.layers, lambda layer: {"backend": None} if "backend" in type(layer).model_fields else {}
    )
    same = {"data": data, "backends": {}, "layers": layers}
    return config.model_copy(update={**same, "train": config.train.model_copy(update={"seed": 0})})


def digest(model: str) -> str:
    """Twelve digits of the SHA-256 of what a model's file says, comments left out."""
    content = yaml.safe_load(find_model(model).read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


def read_log(path: Path) -> Log:
    """What the file holds; raises CheckpointError for lines of a config that the model no longer has."""
    log: Log = {}
    if not path.exists():
        return log
    for number, line in enumerate(csv.DictReader(path.read_text(encoding="utf-8").splitlines()), start=2):
        now = digest(line["model"])
        if line["config"] != now:
            raise CheckpointError(
                f"{path}:{number}: {line['model']} was trained with config {line['config']}, its file is {now} now; "
                "remove its lines, or train it anew"
            )
        log.setdefault((line["model"], int(line["seed"])), []).append(line)
    return log


def write_log(path: Path, log: Log) -> None:
    """All lines, models in the order of their names, then seeds."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for _, lines in sorted(log.items()):
        writer.writerows(lines)
    path.write_text(text.getvalue(), encoding="utf-8")


def finished(folder: Path, models: Iterable[str]) -> Log:
    """The trainings in a run folder, or in one of several seeds, that are finished with the config the model has."""
    if is_seeds(folder):
        runs = SeedRuns.read(folder)
        config, found = load_config(runs.config), [(folder / row["folder"], int(row["seed"])) for row in runs.rows]
        if not found:
            raise CheckpointError(f"{folder}: none of {runs.count} seeds is finished; nbcnn train --resume {folder}")
    else:
        config = load_config(Run.open(folder).config)
        found = [(folder, config.train.seed)]
    if config.name not in set(models):
        raise ConfigError(f"{folder} is of {config.name}, which is not in the table: {', '.join(models)}")
    if different := changes(comparable(load_config(config.name)), comparable(config)):
        raise ConfigError(f"{folder} was trained with another config than {config.name} has: {'; '.join(different)}")
    return {(config.name, seed): lines(Run.open(run), config, seed) for run, seed in found}


def lines(run: Run, config: Config, seed: int) -> list[Line]:
    """A line for each epoch of a finished training; raises CheckpointError for one that is not, or has no metrics."""
    records, epochs = run.metrics(), config.train.epochs
    result, tested = read_result(run), config.data.validation is None
    if not records or records[-1]["epoch"] < epochs or not (tested or result):
        raise CheckpointError(f"{run.folder} is not finished; nbcnn train --resume {run.folder}")
    chosen = row_of(run, seed, epochs)
    same = {"model": config.name, "config": digest(config.name), "seed": str(seed), "epochs": str(epochs)}
    return [
        same | {"epoch": str(record["epoch"])} | {key: cell(key, record, chosen, tested) for key in NUMBERS}
        for record in records
    ]


def cell(key: str, record: dict[str, Any], chosen: dict[str, Any], tested: bool) -> str:
    """A number of an epoch; the test's accuracy where the epoch was tested, or its checkpoint was in the end."""
    value = record.get(key)
    if key == "test_accuracy" and not tested:
        value = chosen[key] if record["epoch"] == chosen["epoch"] else None
    return "" if value is None else f"{value:.6g}"
