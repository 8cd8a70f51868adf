"""The training loop: epochs of batches, an evaluation after each, checkpoints, metrics and pictures in a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from nbcnn.autotune.auto import choice_listener
from nbcnn.compiler.compile_log import COMPILE_LOG, compile_listener, since
from nbcnn.data import Dataset
from nbcnn.engine.network import Network
from nbcnn.runs.run_folder import Run
from nbcnn.training.checkpoint_schedule import CheckpointSchedule
from nbcnn.training.data_check import check_compatible
from nbcnn.training.doctor.in_training import InTraining
from nbcnn.training.early_stopping import stopped_early
from nbcnn.training.final_test import look_at_test, weights_kept
from nbcnn.training.preparation import compile_kernels
from nbcnn.training.reporter import Reporter
from nbcnn.training.run_report.at_the_end import draw_run
from nbcnn.training.signals import StopBetweenChoices, StopRequest
from nbcnn.training.trainer import Trainer
from nbcnn.util.blas import first_use


def train_epochs(trainer: Trainer, reporter: Reporter, stopping: StopRequest) -> None:
    """Every batch of every epoch that is left: a step, perhaps a checkpoint; after the last batch an evaluation.

    Whatever ends it, the checkpoint that was saved last is whole.
    """
    settings, doctor = trainer.settings, InTraining(trainer)
    schedule, count = CheckpointSchedule(settings.checkpoint_every), len(trainer.data.train.images)
    while trainer.epoch <= settings.epochs:
        if why := stopped_early(settings.early_stopping, trainer.records):
            reporter.stopped_early(why)
            break
        reporter.epoch(trainer.epoch, settings.epochs, count)
        started = time.perf_counter() - trainer.position.seconds
        for order in trainer.batches():  # the numbers (N,) of a batch's images, shuffled anew in each epoch
            reporter.step(*doctor.step(order))  # trainer.step: executor.train_step, then optimizer.step
            if schedule.due(trainer.position.step) or stopping.wanted:
                trainer.position.seconds = time.perf_counter() - started
                trainer.save()
                reporter.saved(replace(trainer.position))
                stopping.check()
        reporter.epoch_done(trainer.end(time.perf_counter() - started))
        doctor.report(reporter)
        reporter.saved(replace(trainer.position))
        stopping.check()


def run_training(network: Network, data: Dataset, begin: Callable[[Trainer], Run], reporter: Reporter) -> Run:
    """A training from its first kernel to its pictures; ``begin`` gives the trainer its run folder and its position."""
    check_compatible(network, data)
    first_use()
    before = len(COMPILE_LOG)
    with StopRequest() as stopping, compile_listener(stopping.check), choice_listener(StopBetweenChoices(stopping)):
        with compile_listener(reporter.compiling), choice_listener(reporter):
            trainer = Trainer(network, data)
        try:
            run = begin(trainer)
            reporter.start(run, network, data, trainer.executor.threads)
            reporter.saved(replace(trainer.position))
            compile_kernels([trainer], reporter.compiling, reporter.compiled, before)
            stopping.check()
            train_epochs(trainer, reporter, stopping)
            reporter.drawing()
            with weights_kept(network):  # both give it those of the best checkpoint
                draw_run(trainer, look_at_test(run, trainer.executor, data), since(before))
            stopping.check()
        finally:
            trainer.close()
    return run
