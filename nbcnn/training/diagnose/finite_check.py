"""Finite-value checks of loss, gradient, weights and optimizer state in every step.

They take 0.6 % of LeNet's step. nan_trace.py finds the layer in which a wrong number began.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np

from nbcnn.training.diagnose.magnitude_kernel import INFINITY, magnitude_bits

LARGE = int(np.float32(1e9).view(np.int32))
"""The bits of a magnitude up to which the squares that Adam keeps are far from infinite."""

SELDOM = 16
"""The optimizer's state, twice the weights in Adam, would take another 0.5 %: it is looked at where numbers are large,
and every so many steps, for whatever else an optimizer may keep."""


def wrong_before(loss: float, gradient: np.ndarray) -> str:
    """The check before the optimizer's step, of loss and gradient: ``the loss became nan``; empty where all is finite.

    ``gradient`` is float32 (size,).
    """
    if not isfinite(loss):
        return f"the loss became {loss}"
    bits = magnitude_bits(gradient)
    return f"the gradient became {_word(bits)}" if bits >= INFINITY else ""


def wrong_after(parameters: np.ndarray, gradient: np.ndarray, state: Mapping[str, np.ndarray], step: int) -> str:
    """The check after the optimizer's step, of the parameters and the optimizer's ``state``.

    Adam divides by a mean of squares: where that became infinite, a parameter would never move again. ``parameters``
    and ``gradient`` are float32 (size,).
    """
    bits = magnitude_bits(parameters)
    if bits >= INFINITY:
        return f"a parameter became {_word(bits)}"
    if step % SELDOM == 0 or max(bits, magnitude_bits(gradient)) > LARGE:
        for name, array in state.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                return f"the optimizer's {name} became {'nan' if np.isnan(array).any() else 'inf'}"
    return ""


def _word(bits: int) -> str:
    return "nan" if bits > INFINITY else "inf"
