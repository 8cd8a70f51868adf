"""Compilation of all kernels that training, evaluation and prediction of a network need, in this thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.compiler.compile_log import COMPILE_LOG, looking_ahead, since, total
from nbcnn.compiler.compile_processes import compile_expected
from nbcnn.config import Overrides, TrainConfig
from nbcnn.engine.engine import Engine
from nbcnn.engine.executor import Executor
from nbcnn.kernels.contract import LANES
from nbcnn.optim import OPTIMIZERS
from nbcnn.optim.base import Optimizer
from nbcnn.optim.clip_grad_norm import clip_grad_norm
from nbcnn.optim.weight_average import WeightAverage
from nbcnn.training.augmentation import no_augmentations
from nbcnn.training.diagnose.magnitude_kernel import magnitude_bits
from nbcnn.training.loading import load

_NOTHING = np.zeros(0, np.float32)


class Warmed(NamedTuple):
    """The result of a warmup: kernels compiled, their seconds, kernels loaded from the cache.

    Neither counts kernels that only others call, which are a part of these; nor those that this process had already.
    """

    name: str
    compiled: int
    seconds: float
    loaded: int
    loading: float


def compile_ahead(
    executors: Sequence[Executor],
    optimizers: Sequence[Optimizer],
    images: np.ndarray,
    labels: np.ndarray,
    augmentations: np.ndarray | None = None,
    others: Sequence[Callable[[], object]] = (),
) -> None:
    """Compile or load all that training, evaluation and prediction on such images take; no parameter is changed.

    The optimizers are of size 0, and make a step. ``augmentations`` are of training's kind; ``others``: what else
    its steps call, on nothing.

    What has to be compiled is counted before the first is (compiler/compile_log.py), except what a backend calls from
    Python.
    """
    trainable = [executor for executor in executors if len(executor.network.out_shape) == 1]
    for executor in executors:
        executor.expect_kernels(images, labels if executor in trainable else None, augmentations)
    for optimizer in optimizers:
        with looking_ahead():
            optimizer.step(_NOTHING, _NOTHING)
    for call in others:
        with looking_ahead():
            call()
    with looking_ahead():
        magnitude_bits(_NOTHING)
    compile_expected()
    for executor in trainable:
        executor.warm_up(images, labels, augmentations)
    for executor in executors:
        executor.predict(images[:LANES])
    for optimizer in optimizers:
        optimizer.step(_NOTHING, _NOTHING)
    magnitude_bits(_NOTHING)
    for call in others:
        call()


def calls_of_a_step(settings: TrainConfig) -> list[Callable[[], object]]:
    """What the steps of a training call besides the optimizer, on no parameters."""
    calls: list[Callable[[], object]] = []
    if settings.clip_grad_norm is not None:
        calls.append(lambda: clip_grad_norm(np.ones(1, np.float32), 0.5))
    if settings.ema is not None:
        average = WeightAverage(settings.ema.decay, {"": _NOTHING})
        calls += [average.update, average.update]
    return calls


def warm_up(source: str | Path, overrides: Overrides | None = None) -> Warmed:
    """Do it for a model's name, a YAML path or a run folder, without its data; raises what ``load`` raises."""
    before = len(COMPILE_LOG)
    network = load(source, overrides=overrides)
    settings = network.config.train
    choice = settings.optimizer
    optimizer = OPTIMIZERS.get(choice.name)(choice.config, 0)
    resolve_auto(network, training=True, threads=settings.threads)
    engine = Engine(network, training=True, threads=settings.threads)
    try:
        shape = (LANES, *network.in_shape)
        floats = np.zeros(shape, network.dtype)  # what a person may call the network with; training has bytes
        images = np.zeros(shape, np.uint8)
        engine.expect_kernels(floats, None)
        for one in (floats[:1], images[:1]):  # on their own way: engine/single_image.py
            with looking_ahead():
                engine.predict(one)
        others, augmentations = calls_of_a_step(settings), no_augmentations(settings.augment, LANES)
        compile_ahead([engine], [optimizer], images, np.zeros(LANES, np.int64), augmentations, others)
        for few in (floats, floats[:1], images[:1]):
            engine.predict(few)
    finally:
        engine.close()
    fresh = since(before)
    return Warmed(network.config.name, *total(fresh, "compiled"), *total(fresh, "loaded"))
