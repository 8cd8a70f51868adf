"""``nbcnn.compare``: trainings in lockstep from one seed, each on other backends, compared after every step.

All variants begin with the same parameters and get the same images in the same order. They take turns step by step,
so their weights can be compared after each, and a slow moment of the machine slows all down alike.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from nbcnn.autotune.auto import Listener, choice_listener
from nbcnn.compiler.compile_log import COMPILE_LOG, compile_listener, since
from nbcnn.config import Config, Overrides
from nbcnn.data import Dataset, batches, epoch_order, load_dataset
from nbcnn.data.validation_split import hold_out
from nbcnn.engine.network import Network, views
from nbcnn.errors import CheckpointError, ConfigError, TrainingError
from nbcnn.plugins import blamed
from nbcnn.report.bit_divergence import Comparison, Divergence, Variant, first_difference, largest_difference
from nbcnn.report.comparison import draw_comparison
from nbcnn.report.figure import attempted
from nbcnn.runs.folder_lock import FolderLock
from nbcnn.runs.run_folder import Run
from nbcnn.training.data_check import check_compatible
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.doctor.in_training import InTraining
from nbcnn.training.final_test import look_at_test, test_is_for_the_end
from nbcnn.training.loading import config_of, with_options
from nbcnn.training.preparation import compile_kernels
from nbcnn.training.run_report.at_the_end import draw_run
from nbcnn.training.trainer import Trainer
from nbcnn.training.variants import variant_choices
from nbcnn.util.files import claim_folder, write_atomic


class Reporter(Listener):
    """Callbacks of a comparison. These do nothing; the command line's draw its progress."""

    def start(self, comparison: Comparison, network: Network, data: Dataset) -> None:
        """Training begins; ``network`` is the reference's."""

    def compiling(self, kernel: str, left: int) -> None:
        """A kernel is about to be compiled, one of ``left`` that are known to have to be; 0: the last one is done."""

    def compiled(self, kernels: int, seconds: float) -> None:
        """All are, and some had to be."""

    def step(self, comparison: Comparison, epoch: int) -> None:
        """All variants have made a step."""

    def epoch_done(self, comparison: Comparison, epoch: int) -> None:
        """An epoch is done: the last of each variant's records, unless it has diverged."""

    def finding(self, names: Sequence[str], finding: Finding) -> None:
        """The doctor has found something after the epoch, the same in the variants of these names; each thing once."""

    def drawing(self) -> None:
        """All steps are done, and the pictures are about to be drawn."""


@blamed()
def compare(
    source: str | PathLike[str] | Mapping[str, Any] | Config,
    backends: Sequence[str],
    overrides: Overrides | None = None,
    *,
    steps: int | None = None,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    **options: Any,
) -> Comparison:
    """Train ``source`` once for each of ``backends`` ("conv2d=fft", or several ops: "conv2d=fft,linear=naive").

    Source, overrides and options are as in ``train``. The first variant is the reference. ``steps`` ends each training
    early. The folder is ``out``, or the next free ``compare/NAME-K``; a run folder for each variant is in it, and
    compare.json and compare.png. A variant that diverges is left behind, and the others go on. Raises ConfigError (also
    for fewer than two variants), ShapeError, KernelError, DataError, CheckpointError. KeyboardInterrupt leaves the
    epochs that are done, the numbers and the picture of the steps so far.
    """
    wanted, reporter = with_options(overrides, options), reporter or Reporter()
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise ConfigError(f"steps must be a whole number of at least 1, or None for all, got {steps!r}")
    choices = variant_choices(backends)
    configs = [config_of(source, replace(wanted, backends=(*wanted.backends, *choice))) for choice in choices]
    networks = [Network(config) for config in configs]
    data = hold_out(load_dataset(configs[0].data), configs[0].data.validation, configs[0].train.seed)
    trainers: list[Trainer] = []
    before = len(COMPILE_LOG)
    try:
        for network in networks:
            check_compatible(network, data)
            with compile_listener(reporter.compiling), choice_listener(reporter):
                trainers.append(Trainer(network, data))
        comparison = _set_up(choices, trainers, out, steps)
        held = FolderLock(comparison.folder, CheckpointError)
        reporter.start(comparison, networks[0], data)
        compile_kernels(trainers, reporter.compiling, reporter.compiled, before)
        try:
            _train(comparison, trainers, reporter)
        except KeyboardInterrupt:
            comparison.interrupted = True
            for variant in comparison.variants:  # a step that not all have made is none
                del variant.losses[comparison.steps :], variant.seconds[comparison.steps :]
            held.check()
            _write(comparison)
            raise
        reporter.drawing()
        held.check()
        _write(comparison)
        for variant, trainer in zip(comparison.variants, trainers, strict=True):
            if variant.records:
                draw_run(trainer, look_at_test(trainer.run, trainer.executor, data), since(before))
    finally:
        for trainer in trainers:
            trainer.close()
    return comparison


def _set_up(
    choices: list[tuple[str, ...]], trainers: list[Trainer], out: str | Path | None, steps: int | None
) -> Comparison:
    """The folders, and a comparison of no steps yet."""
    first = trainers[0]
    settings, data, count = first.settings, first.data, len(first.data.train.images)
    folder = claim_folder(out, "compare", first.network.config.name, CheckpointError)
    variants = []
    for choice, trainer in zip(choices, trainers, strict=True):
        name = ",".join(choice)
        # Backends' names are files' names and may hold what a shell, or a path, takes for something else.
        trainer.begin_in(Run.create(folder / re.sub(r"[^\w.=,+-]+", "-", name), name))
        used = {layer.path: layer.backend or "" for layer in trainer.network.layers() if layer.op}
        variants.append(Variant(name, trainer.run.folder, used))
    return Comparison(
        folder=folder,
        model=first.network.config.name,
        variants=variants,
        seed=settings.seed,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        threads=first.executor.threads,
        parameters=first.network.parameters.size,
        data=data.name,
        train_images=count,
        test_images=len(data.test.images),
        validation_images=len(data.validation or ()) if test_is_for_the_end(first.network, data) else None,
        epoch_steps=-(-count // settings.batch_size),
        steps_asked=steps,
    )


def _train(comparison: Comparison, trainers: list[Trainer], reporter: Reporter) -> None:
    """All epochs, or as many steps as were asked for; ends early where every variant has diverged."""
    settings, count = trainers[0].settings, comparison.train_images
    pairs = [(v, trainer, InTraining(trainer)) for v, trainer in zip(comparison.variants, trainers, strict=True)]
    for epoch in range(1, settings.epochs + 1):
        before = comparison.steps
        for order in batches(epoch_order(count, settings.seed, epoch, settings.shuffle), settings.batch_size):
            # The first variant finds the images farther away in the caches, so each comes first at times.
            first = comparison.steps % len(pairs)
            for variant, trainer, doctor in pairs[first:] + pairs[:first]:
                _step(variant, trainer, doctor, order)
            comparison.batches.append(order.size)
            _hold_against(comparison, trainers)
            reporter.step(comparison, epoch)
            if comparison.steps == comparison.steps_asked or all(v.diverged for v in comparison.variants):
                break
        for variant, trainer, _ in pairs:
            _end(variant, trainer, before)
        _count_guesses(comparison, trainers)
        reporter.epoch_done(comparison, epoch)
        _tell_findings([(variant, doctor) for variant, _, doctor in pairs if variant.records], reporter)
        if comparison.steps == comparison.steps_asked or all(v.diverged for v in comparison.variants):
            return


def _step(variant: Variant, trainer: Trainer, doctor: InTraining, order: np.ndarray) -> None:
    if variant.diverged:
        return
    looks, started = doctor.seconds, time.perf_counter()
    try:
        loss = doctor.step(order).loss
    except TrainingError as error:
        variant.diverged = Divergence(trainer.steps, str(error))
        return
    variant.seconds.append(time.perf_counter() - started - (doctor.seconds - looks))
    variant.losses.append(loss)


def _tell_findings(doctors: list[tuple[Variant, InTraining]], reporter: Reporter) -> None:
    """What is new after an epoch, by rule: as a rule all variants have it, for they differ in rounding alone."""
    found = dict[str, tuple[list[str], Finding]]()
    for variant, doctor in doctors:
        for finding in doctor.new_findings():
            found.setdefault(finding.rule, ([], finding))[0].append(variant.name)
    for names, finding in found.values():
        reporter.finding(names, finding)


def _hold_against(comparison: Comparison, trainers: list[Trainer]) -> None:
    """Each variant's weights beside the reference's, after a step."""
    if comparison.reference.diverged:
        return
    reference = trainers[0]
    for variant, trainer in zip(comparison.variants, trainers, strict=True):
        if variant.diverged:
            continue
        if variant.parted is None and trainer is not reference:
            gradients = (views(t.executor.gradient, t.network.shapes) for t in (trainer, reference))
            variant.parted = first_difference(
                comparison.steps, trainer.network.tensors, reference.network.tensors, *gradients
            )
        difference = largest_difference(trainer.network.parameters, reference.network.parameters)
        variant.differences.append(difference if variant.parted else 0.0)


def _end(variant: Variant, trainer: Trainer, before: int) -> None:
    """Evaluate and save after an epoch, or after as much of it as was asked for."""
    if variant.diverged:
        return
    try:
        variant.records.append(trainer.end(sum(variant.seconds[before:])))
    except TrainingError as error:
        variant.diverged = Divergence(trainer.steps, str(error))


def _count_guesses(comparison: Comparison, trainers: list[Trainer]) -> None:
    theirs = trainers[0].tested
    for variant, trainer in zip(comparison.variants, trainers, strict=True):
        ours, variant.other_guesses = trainer.tested, None
        if ours and theirs and not (variant.diverged or comparison.reference.diverged):
            variant.other_guesses = int(np.count_nonzero(ours.guesses != theirs.guesses))


def _write(comparison: Comparison) -> None:
    write_atomic(comparison.json, f"{json.dumps(comparison.to_mapping(), allow_nan=False)}\n".encode(), CheckpointError)
    if any(variant.losses for variant in comparison.variants):
        with attempted(comparison.picture):
            draw_comparison(comparison, comparison.picture)
