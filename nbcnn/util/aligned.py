"""Arrays aligned to cache lines: a vector that crosses two lines costs two loads."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

LINE = 64
"""Bytes of a cache line, and of 16 float32 numbers."""


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """As ``np.zeros``, which begins at any multiple of 16 bytes; so the same run was up to 8 % slower by bad luck.

    Raises MemoryError for any array that is too large.
    """
    size = prod(shape) * dtype.itemsize
    try:
        raw = np.zeros(size + LINE, np.uint8)
    except (ValueError, OverflowError):  # more than an address can count
        raise MemoryError(f"an array of shape {shape} takes {size:.1e} bytes") from None
    first = -raw.ctypes.data % LINE
    return raw[first : first + size].view(dtype).reshape(shape)
