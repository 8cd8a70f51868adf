"""``nbcnn.resume``: a training continued from the state saved in its run folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from nbcnn.config import Config, Overrides, TrainConfig, load_config
from nbcnn.data import Dataset, load_dataset
from nbcnn.data.classes import changed, in_terms_of
from nbcnn.data.validation_split import hold_out
from nbcnn.engine.network import Network
from nbcnn.errors import CheckpointError, ConfigError, DataError
from nbcnn.plugins import blamed
from nbcnn.runs.run_folder import Run
from nbcnn.training.config_diff import refuse_changes
from nbcnn.training.learning_rate import follows_metrics
from nbcnn.training.loading import class_names, config_of, read_info, with_data_found, with_options
from nbcnn.training.loop import run_training
from nbcnn.training.notebook_reporter import default_reporter
from nbcnn.training.provenance import warn_of_others
from nbcnn.training.reporter import Reporter
from nbcnn.training.state import Position, State, read_state
from nbcnn.training.trainer import Trainer


@blamed()
def resume(
    folder: str | PathLike[str],
    overrides: Overrides | None = None,
    *,
    source: str | PathLike[str] | Mapping[str, Any] | Config | None = None,
    allow_changes: bool = False,
    reporter: Reporter | None = None,
    **options: Any,
) -> Run:
    """Go on with the training in ``folder`` from its last saved step, to the bits of one that was never interrupted.

    The config is the run's own, or ``source``; ``overrides`` and ``options`` change it as in ``train``. More epochs
    train longer; threads and checkpoint_every may change too. Raises ConfigError for any other change, with all of
    them, and DataError for other images or names of classes, unless ``allow_changes``; DataError for other images of
    classes that the run does not know; CheckpointError where there is nothing to go on
    from, where it does not fit or where somebody else trains in the folder; and whatever ``train`` raises.
    """
    if not isinstance(folder, (str, PathLike)) or not str(folder):
        raise CheckpointError(f"expected the path of a run folder, got {folder!r}")
    run = Run.open(folder)
    run.hold()
    try:
        state = read_state(run)
        wanted = with_options(overrides, options)
        config = config_of(run.config if source is None else source, wanted)
        config = with_data_found(config, read_info(run), wanted)
        done = state.position.epochs + (state.position.seen > 0)
        if config.train.epochs < done:
            raise ConfigError(
                f"{run.folder} is in epoch {done} already, train.epochs: {config.train.epochs} would end before that; "
                f"set epochs to {done} or more"
            )
        if not allow_changes:
            refuse_changes(load_config(state.config), config, str(run.folder))
        whole = _in_its_terms(run, state, load_dataset(config.data), allow_changes)
        data = hold_out(whole, config.data.validation, config.train.seed)
        if state.position.seen > len(data.train):
            raise CheckpointError(
                f"{state.file} says that {state.position.seen:,} images of an epoch are done, and {data.name} has "
                f"{len(data.train):,}; train anew"
            )
        _look_for_losses(run, state.position, config.train)
        warn_of_others(read_info(run), str(run.folder))
        reporter = reporter or default_reporter()
        reporter.goes_on(replace(state.position))

        def begin(trainer: Trainer) -> Run:
            trainer.resume_in(run, state)
            return run

        return run_training(Network(config), data, begin, reporter)
    finally:
        run.release()


def _in_its_terms(run: Run, state: State, data: Dataset, allow_changes: bool) -> Dataset:
    """The data with labels as the run counts its classes; raises DataError where they are others than the run's."""
    before = class_names(read_info(run))
    said = changed(before, data.classes) if before and not data.numbered else ""
    if said and data.digest == state.data:  # the folders of classes have other names, and that is all
        if allow_changes:
            return data
        raise DataError(
            f"{data.name} ({data.source}): since {run.folder} was trained, {said}, with the same images; name the "
            "class folders as they were, or go on with the new names: --allow-changes (in Python allow_changes=True)"
        )
    known = in_terms_of(data, before, len(before)) if before else data
    if not allow_changes and known.digest != state.data:
        raise DataError(
            f"{data.name} ({data.source}): these are not the images and labels that {run.folder} was trained with"
            f"{f' ({said})' if said else ''}; restore them, or go on with these: --allow-changes (in Python "
            "allow_changes=True)"
        )
    return known


def _look_for_losses(run: Run, position: Position, settings: TrainConfig) -> None:
    """Raise CheckpointError where the best checkpoint is gone, and warn of epochs whose metrics are.

    Raises it for those too where the training follows its metrics, for it would go on otherwise than it began.
    """
    if position.best_accuracy >= 0 and not (run.folder / "best.safetensors").is_file():
        raise CheckpointError(f"{run.folder} cannot be resumed: it has no best.safetensors any more; restore it")
    logged = {record["epoch"] for record in run.metrics()}
    lost = [epoch for epoch in range(1, position.epochs + 1) if epoch not in logged]
    if lost and (what := follows_metrics(settings)):
        raise CheckpointError(
            f"{run.metrics_jsonl} lacks {len(lost)} of {position.epochs} epochs, first epoch {lost[0]}, and {what} "
            "follows the metrics of all; restore it, or train anew"
        )
    if lost:
        warnings.warn(
            f"{run.metrics_jsonl} lacks {len(lost)} of {position.epochs} epochs, first epoch {lost[0]}: they are lost, "
            "and the curves will lack them",
            RuntimeWarning,
            stacklevel=4,
        )
