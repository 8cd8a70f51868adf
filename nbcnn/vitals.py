"""What is looked at in every step: the loss, the gradient before it is used, and the weights after it was.

That costs LeNet 5 µs a step, of 1,000 and more. Where a number went wrong, autopsy.py finds out where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nbcnn.kernels.magnitude import INFINITY, magnitude_bits

LARGE = int(np.float32(1e9).view(np.int32))
"""The bits of a magnitude up to which the squares and sums that optimizers keep can't become infinite."""


def wrong_before(loss: float, gradient: np.ndarray) -> str:
    """What is no number before the parameters are touched: ``the loss became nan``; empty where all is well.

    ``gradient`` is float32 (size,).
    """
    if not np.isfinite(loss):
        return f"the loss became {loss}"
    bits = magnitude_bits(gradient)
    return f"the gradient became {_word(bits)}" if bits >= INFINITY else ""


def wrong_after(parameters: np.ndarray, gradient: np.ndarray, state: Mapping[str, np.ndarray]) -> str:
    """What is no number after a step of the optimizer: a parameter, or a number of the optimizer's ``state``.

    Adam divides by a mean of squares: where that became infinite, a parameter would never move again. The state is
    looked at only where parameters or gradient, both float32 (size,), have a number above 1e9.
    """
    bits = magnitude_bits(parameters)
    if bits >= INFINITY:
        return f"a parameter became {_word(bits)}"
    if max(bits, magnitude_bits(gradient)) > LARGE:
        for name, array in state.items():
            if not np.isfinite(array).all():
                return f"the optimizer's {name} became {'nan' if np.isnan(array).any() else 'inf'}"
    return ""


def _word(bits: int) -> str:
    return "nan" if bits > INFINITY else "inf"
