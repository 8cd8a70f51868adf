"""What the parts of the oracle share: kinds of arrays, and the way to float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.floating] | NDArray[np.integer]
Pair = tuple[int, int]
"""Rows, columns."""
Sides = tuple[int, int, int, int]
"""Padding: top, bottom, left, right."""
NO_PADDING: Sides = (0, 0, 0, 0)


def float64(x: Numbers) -> Array:
    """Any numbers as float64."""
    return np.asarray(x, np.float64)
