"""What comes before the first step: a network and its data held against each other, and all kernels compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

from nbcnn.compiler.compile_log import announced, since, total
from nbcnn.data import Dataset
from nbcnn.data.background import has_dark_background
from nbcnn.data.picture import Reading
from nbcnn.engine.network import Network
from nbcnn.optim import OPTIMIZERS
from nbcnn.training.evaluation import check_data
from nbcnn.training.trainer import Trainer
from nbcnn.training.warmup import calls_of_a_step, warm


def check_compatible(network: Network, data: Dataset) -> None:
    """Hold a network and its data against each other, and name its classes; raises DataError, warns of spare scores.

    The network gets what is known of the data: its classes, and how its pictures were read.
    """
    check_data(network, data)
    network.classes = () if data.numbered else data.classes
    dark = has_dark_background(data.train.images, data.test.images)
    network.reading = Reading(data.pictures, dark, data.white_level)
    if data.white_level is not None:  # found in the images, and kept: others must be read as these were
        settings = network.config.data.model_copy(update={"white_level": data.white_level})
        network.config = network.config.model_copy(update={"data": settings})
    if network.out_shape[0] > len(data.classes):
        last = list(network.layers())[-1]
        warnings.warn(
            f"{last.where} gives {network.out_shape[0]} scores, and {data.name} has {len(data.classes)} classes; "
            f"out_features: {len(data.classes)} would do",
            RuntimeWarning,
            stacklevel=3,
        )


def compile_kernels(
    trainers: Sequence[Trainer],
    compiling: Callable[[str, int], None],
    compiled: Callable[[int, float], None],
    before: int,
) -> None:
    """Compile or load every kernel in this thread, before the clock of training starts.

    ``compiling`` is told each kernel that is about to be compiled and how many are left; ``compiled``, if there were
    any, how many and the seconds, of all since the ledger was ``before`` lines long.
    """
    data = trainers[0].data.train
    chosen = [trainer.settings.optimizer for trainer in trainers]
    idle = [OPTIMIZERS.get(optimizer.name)(optimizer.config, 0) for optimizer in chosen]
    with announced(compiling):
        augment = bool(trainers[0].settings.augment)
        executors, others = [trainer.executor for trainer in trainers], calls_of_a_step(trainers[0].settings)
        warm(executors, idle, data.images, data.labels, augment, others)
    kernels, seconds = total(since(before), "compiled")
    if kernels:
        compiled(kernels, seconds)
