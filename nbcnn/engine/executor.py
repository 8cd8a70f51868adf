"""The interface of executors, which run a network: the serial one, to be read, and the engine, to be fast."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nbcnn.config import TrainConfig
from nbcnn.engine.batch import BatchResult, LastBatch
from nbcnn.engine.engine import Engine
from nbcnn.engine.loss_targets import LossTargets
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor


class Executor(Protocol):
    """Runs a network: ``gradient`` (P,) is that of the last ``train_step``, ``last`` what was done last.

    ``targets`` is what label smoothing and class weights make of the loss in training, None where it is plain.
    """

    network: Network
    gradient: np.ndarray
    targets: LossTargets | None
    last: LastBatch | None

    @property
    def threads(self) -> int: ...

    def train_step(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        order: np.ndarray,
        augmentations: np.ndarray | None = None,
        step: int = 0,
    ) -> BatchResult:
        """Losses of the images that ``order`` (N,) picks of (M, C, H, W), and the gradient of their (weighted) mean."""

    def evaluate(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray) -> BatchResult:
        """Losses and predicted classes alone."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The last layer's output (N, …) for images (N, C, H, W)."""

    def expect_kernels(
        self, images: np.ndarray, labels: np.ndarray | None, augmentations: np.ndarray | None = None
    ) -> None:
        """Count the kernels that are still to be compiled."""

    def warm_up(self, images: np.ndarray, labels: np.ndarray, augmentations: np.ndarray | None = None) -> None:
        """Compile them; no parameter is changed."""

    def close(self) -> None:
        """End the threads."""


def make_executor(network: Network, settings: TrainConfig) -> Executor:
    """The executor of ``train.executor``, for training; ``auto`` backends have to be resolved before."""
    return SerialExecutor(network) if settings.executor == "serial" else Engine(network, threads=settings.threads)
