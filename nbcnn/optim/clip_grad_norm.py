"""Gradient clipping, PyTorch's clip_grad_norm_: a gradient that is longer than ``max_norm`` is shortened to that."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def clip_grad_norm(gradient: np.ndarray, max_norm: float) -> float:
    """Shorten the flat ``gradient`` (size,) of all parameters in place; returns the norm that it had.

    The norm is summed in float64 in an order of its own, so it has the same bits on any number of threads. As in
    PyTorch the factor is ``max_norm / (norm + 1e-6)``, where that is below 1.
    """
    import numpy as np

    from nbcnn.optim._clip_kernel import WAYS, shrink, sum_of_squares

    sums = np.zeros(WAYS)
    sum_of_squares(gradient, sums)
    norm = sqrt(sum(sums.tolist()))
    factor = max_norm / (norm + 1e-6)
    if factor < 1:
        shrink(gradient, gradient.dtype.type(factor))
    return norm
