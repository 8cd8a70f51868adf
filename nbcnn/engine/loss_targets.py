"""Target probabilities of the loss under label smoothing and class weights, as one table of coefficients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.engine.network import Network
from nbcnn.errors import ConfigError


class LossTargets(NamedTuple):
    """``numbers`` (2, K + 1) as the kernels want them (kernels/cross_entropy/_soft_targets.py), ``weights`` (K,)."""

    numbers: np.ndarray
    weights: np.ndarray

    def total(self, labels: np.ndarray) -> float:
        """The weights of a batch's images together, which its loss is divided by: PyTorch's weighted mean."""
        return float(np.sum(self.weights[labels], dtype=np.float64))


def loss_targets(network: Network) -> LossTargets | None:
    """Those of the network's training; None where its loss is plain. Raises ConfigError for other than K weights."""
    settings, smoothing = network.config.train, network.config.train.label_smoothing
    if (settings.class_weights is None and smoothing == 0) or len(network.out_shape) != 1:
        return None
    (classes,) = network.out_shape
    weights = np.ones(classes) if settings.class_weights is None else np.array(settings.class_weights)
    if weights.size != classes:
        last = list(network.layers())[-1]
        raise ConfigError(
            f"{settings.where('class_weights')}: expected {classes} weights, one for each of the {classes} scores that "
            f"{last.where} gives, got {weights.size}"
        )
    numbers = np.zeros((2, classes + 1))
    numbers[0, :classes] = smoothing / classes * weights
    numbers[0, classes] = numbers[0, :classes].sum()
    numbers[1, :classes] = (1 - smoothing) * weights
    return LossTargets(numbers.astype(network.dtype), weights)
