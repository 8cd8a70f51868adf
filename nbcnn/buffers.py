"""Arrays that kernels work on begin where a cache line does: a vector that lies across two lines costs two loads."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

LINE = 64
"""Bytes of a cache line, and of 16 float32 numbers."""


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """As ``np.zeros``, which begins at any multiple of 16 bytes; so the same run was up to 8 % slower by bad luck."""
    size = prod(shape) * dtype.itemsize
    raw = np.zeros(size + LINE, np.uint8)
    first = -raw.ctypes.data % LINE
    return raw[first : first + size].view(dtype).reshape(shape)
