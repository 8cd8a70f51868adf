"""Compilation of all kernels of a training before its first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nbcnn.compiler.compile_log import compile_listener, since, total
from nbcnn.optim import OPTIMIZERS
from nbcnn.training.augmentation import no_augmentations
from nbcnn.training.trainer import Trainer
from nbcnn.training.warmup import calls_of_a_step, compile_ahead


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
    with compile_listener(compiling):
        augmentations = no_augmentations(trainers[0].settings.augment, len(data))
        executors, others = [trainer.executor for trainer in trainers], calls_of_a_step(trainers[0].settings)
        compile_ahead(executors, idle, data.images, data.labels, augmentations, others)
    kernels, seconds = total(since(before), "compiled")
    if kernels:
        compiled(kernels, seconds)
