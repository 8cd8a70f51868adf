"""The loss in NumPy and its gradient: equations (15) and (16) of docs/math.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbcnn.kernels.oracle import Array, Numbers, float64
from nbcnn.kernels.softmax import oracle as softmax


def cross_entropy(x: Numbers, labels: NDArray[np.integer]) -> Array:
    """Scores x (N, K), labels (N,) -> losses (N,), minus the logarithm of the label's probability: equation (15)."""
    largest = float64(x).max(1)
    log_sum = largest + np.log(np.exp(float64(x) - largest[:, None]).sum(1))
    return np.asarray(log_sum - float64(x)[np.arange(len(x)), labels])


def cross_entropy_grad(x: Numbers, labels: NDArray[np.integer], scale: Numbers) -> Array:
    """Scores x (N, K), labels (N,), scale (N,) -> the gradient (N, K) of sum(scale · losses): equation (16)."""
    difference = softmax.value(x)
    difference[np.arange(len(labels)), labels] -= 1
    return np.asarray(float64(scale)[:, None] * difference)
