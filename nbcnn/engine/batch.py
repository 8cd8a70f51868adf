"""Inputs, shared arrays and results of a batch in an executor."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from nbcnn.engine.loss_targets import LossTargets
from nbcnn.engine.network import Network
from nbcnn.engine.progress import Progress
from nbcnn.kernels.contract import LANES
from nbcnn.lanes.block_sums import BLOCK

Mode = Literal["train", "eval", "predict"]
"""``predict`` gives outputs, ``eval`` losses and predicted classes, ``train`` these and the gradient."""


class BatchInputs(NamedTuple):
    """All images (M, C, H, W), uint8 or float, ``scaling`` (2, C) of their pixels, labels (M,).

    ``augmentations`` (M, 3): how each is shifted and flipped when it is gathered (data/augment.py), or None; as float64
    (M, 16 or more) they augment otherwise (augmented_pack.py). ``targets``: what label smoothing and class weights make
    of the loss (loss_targets.py), or None.
    """

    images: np.ndarray
    scaling: np.ndarray
    labels: np.ndarray | None = None
    augmentations: np.ndarray | None = None
    targets: LossTargets | None = None

    def weight(self, order: np.ndarray) -> float:
        """What the loss of each image that ``order`` picks counts in the mean of them."""
        labels = self.labels
        return 1 / (max(order.size, 1) if self.targets is None or labels is None else self.targets.total(labels[order]))


class BatchResult(NamedTuple):
    """Of the images asked for, in their order: losses (N,) and predicted classes ``guesses`` (N,)."""

    losses: np.ndarray
    guesses: np.ndarray


class LastBatch(NamedTuple):
    """What an executor did last, so that it can be done again (training/diagnose/nan_trace.py)."""

    mode: Mode
    inputs: BatchInputs
    order: np.ndarray
    step: int = 0


class Batch:
    """The arrays that all threads share of a batch of at most N images.

    ``order`` (N,), the images to take, and the ``weight`` of each in the mean loss; the results ``outputs`` (N, F),
    ``losses`` and ``guesses`` (N,); ``total``, the sum of gradients, with ``done``, what of it is added at the end.
    ``stage(k)`` is the progress of a stage, ``turn(k)`` (1,) the pack that makes the call in turn of number k next.
    Arrays stay from batch to batch, for calls are bound to them.
    """

    def __init__(self, size: int, features: int, total: np.ndarray) -> None:
        self.order, self.guesses = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.outputs, self.losses = np.zeros((size, features), total.dtype), np.zeros(size, total.dtype)
        self.weight, self.total = np.zeros(1, total.dtype), total
        self.done = np.zeros(total.size if size > BLOCK * LANES else 0, total.dtype)
        self.packs, self.failed = 0, False
        self._stages, self._turns = [Progress(-(-size // LANES))], [np.zeros(1, np.int64)]

    def begin(self, order: np.ndarray, weight: float) -> None:
        """Take the next batch: ``order`` is no longer than N."""
        self.order[: order.size] = order
        self.weight[0], self.failed = weight, False
        for turn in self._turns:
            turn[0] = 0
        for stage in self._stages:
            stage.reset()
        self.packs = -(-order.size // LANES)

    def stage(self, number: int) -> Progress:
        """The progress of a stage."""
        while len(self._stages) <= number:
            self._stages.append(Progress(self._stages[0].finished.size))
        return self._stages[number]

    def take(self, stage: int) -> int:
        """In Python, the next pack that no thread has taken in a stage; compiled code takes ``next_pack``."""
        return self.stage(stage).take()

    @property
    def most_packs(self) -> int:
        """Those of N images."""
        return -(-self.order.size // LANES)

    def turn(self, number: int) -> np.ndarray:
        """Of a call in turn: the pack that makes it next."""
        while len(self._turns) <= number:
            self._turns.append(np.zeros(1, np.int64))
        return self._turns[number]

    def finish(self) -> None:
        """Add the blocks before the last to the total, where there were more packs than a block has."""
        if self.packs > BLOCK:
            self.total += self.done

    def fail(self) -> None:
        """Let no thread take another pack: some gradients will never come. Turns stay as they are."""
        self.failed = True
        for stage in self._stages:
            stage.end(self.packs)

    def result(self, size: int) -> BatchResult:
        """Copies of the losses and predicted classes of the first ``size`` images."""
        return BatchResult(self.losses[:size].copy(), self.guesses[:size].copy())


def scalings(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Factor and offset of each channel (2, C): for bytes, by the config's mean and std; for floats, 1 and 0."""
    data = network.config.data
    mean, std = (np.broadcast_to(np.array(v), network.in_shape[0]) for v in (data.mean, data.std))
    with np.errstate(over="ignore"):  # a std near 0: training will say that the pixels became infinite
        of_bytes = np.stack([1 / (255 * std), -mean / std]).astype(network.dtype)
    return of_bytes, np.stack([np.ones_like(std), np.zeros_like(std)]).astype(network.dtype)
