"""``nbcnn.train_seeds``: one config trained from several seeds, for the mean of its accuracy and how far it varies."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from nbcnn.config import Config, Overrides
from nbcnn.config.yaml_tree import LARGEST
from nbcnn.errors import CheckpointError, ConfigError
from nbcnn.plugins import blamed
from nbcnn.runs.folder_lock import FolderLock
from nbcnn.runs.run_folder import Run
from nbcnn.training.config_diff import changes
from nbcnn.training.loading import config_of, with_options
from nbcnn.training.reporter import Reporter
from nbcnn.training.resume import resume
from nbcnn.training.seeds_table import SeedRuns, row_of
from nbcnn.training.train import train
from nbcnn.util.files import claim_folder, write_atomic

MOST = 1000
"""More trainings than anyone waits for."""
_BEFORE_THE_FIRST_STEP = {"run.json", "state.safetensors", "last.json"}


class SeedsReporter:
    """Who is told how trainings from several seeds go. This one says nothing; the command line's prints it."""

    def begin(self, runs: SeedRuns, seed: int) -> Reporter:
        """The training from a seed begins, or goes on; returns who is told of it."""
        return Reporter()

    def finished(self, runs: SeedRuns, seed: int) -> None:
        """It is finished, and its row is the one of this seed."""

    def known(self, runs: SeedRuns, seed: int) -> None:
        """It was finished before, and is not trained again."""


@blamed()
def train_seeds(
    source: str | PathLike[str] | Mapping[str, Any] | Config,
    seeds: int = 5,
    overrides: Overrides | None = None,
    *,
    out: str | Path | None = None,
    reporter: SeedsReporter | None = None,
    **options: Any,
) -> SeedRuns:
    """Train ``source`` ``seeds`` times, from the config's seed, the next one and so on; at least twice.

    Source, overrides and options are as in ``train``; arrays of one's own are none. The folder is ``out``, or the next
    free ``runs/NAME-seeds-K``; it holds a run folder for each seed, seeds.yaml, and after each training seeds.json and
    seeds.csv. Whatever stops it, ``resume_seeds`` goes on. Raises what ``train`` raises.
    """
    wanted = with_options(overrides, options)
    config = config_of(source, wanted)
    first = config.train.seed
    _check(seeds, first)
    folder = claim_folder(out, "runs", f"{config.name}-seeds", CheckpointError)
    held = FolderLock(folder, CheckpointError)
    try:
        runs = SeedRuns(folder, first, seeds)
        write_atomic(runs.config, config.to_yaml_in(folder).encode(), CheckpointError)
        runs.write()
        return _train_all(runs, source, config, wanted, reporter or SeedsReporter())
    finally:
        held.close()


@blamed()
def resume_seeds(
    folder: str | PathLike[str],
    seeds: int | None = None,
    overrides: Overrides | None = None,
    *,
    reporter: SeedsReporter | None = None,
    **options: Any,
) -> SeedRuns:
    """Go on with the trainings in ``folder``, which ``train_seeds`` made; what is finished is not trained again.

    More ``seeds`` train more of them, more epochs train all of them longer; threads and checkpoint_every may change.
    Raises ConfigError for any other change, and what ``resume`` and ``train`` raise.
    """
    runs = SeedRuns.read(Path(folder))
    held = FolderLock(runs.folder, CheckpointError)
    try:
        wanted = with_options(overrides, options)
        saved, config = config_of(str(runs.config), Overrides()), config_of(str(runs.config), wanted)
        if found := changes(saved, config):
            told = "\n".join(f"  {line}" for line in found)
            raise ConfigError(
                f"{runs.folder}: trainings that are averaged must have one config, and this would be another:\n"
                f"{told}\nundo this, or train anew: nbcnn train MODEL --seeds {seeds or runs.count}"
            )
        _check(seeds or runs.count, runs.first)
        if seeds is not None and seeds < runs.count:
            raise ConfigError(f"{runs.folder} has {runs.count} seeds already; set seeds to {runs.count} or more")
        runs.count = seeds or runs.count
        runs.rows = [row for row in runs.rows if row["epochs"] == config.train.epochs]
        write_atomic(runs.config, config.to_yaml_in(runs.folder).encode(), CheckpointError)
        return _train_all(runs, str(runs.config), config, wanted, reporter or SeedsReporter())
    finally:
        held.close()


def _check(seeds: object, first: int) -> None:
    if type(seeds) is not int or seeds < 2:
        raise ConfigError(
            f"seeds must be a whole number of at least 2, got {seeds!r}: the standard deviation divides by n - 1, "
            "which is 1 - 1 = 0 for one training"
        )
    if seeds > MOST:
        raise ConfigError(f"seeds must be at most {MOST:,}, got {seeds:,}")
    if first + seeds - 1 > LARGEST:
        raise ConfigError(
            f"{seeds} seeds from train.seed: {first} would end at {first + seeds - 1}; the largest seed is {LARGEST}"
        )


def _train_all(runs: SeedRuns, source: Any, config: Config, wanted: Overrides, reporter: SeedsReporter) -> SeedRuns:
    epochs, done = config.train.epochs, {row["seed"] for row in runs.rows}
    for seed in runs.seeds:
        if seed in done:
            reporter.known(runs, seed)
            continue
        own = replace(wanted, seed=seed, epochs=epochs)
        run = _train_one(runs.run_folder(seed), source, own, reporter.begin(runs, seed))
        runs.add(row_of(run, seed, epochs))
        reporter.finished(runs, seed)
    runs.write()
    return runs


def _train_one(folder: Path, source: Any, wanted: Overrides, reporter: Reporter) -> Run:
    """Train from a seed, or go on with what there is of it."""
    if (folder / "config.yaml").is_file():
        return resume(folder, wanted, reporter=reporter)
    if folder.is_dir() and _BEFORE_THE_FIRST_STEP.issuperset(
        path.name for path in folder.iterdir() if not path.name.startswith(".nbcnn-")
    ):
        shutil.rmtree(folder)  # a training that was killed while it made its folder: there is nothing to go on from
    return train(source, wanted, out=folder, reporter=reporter)
