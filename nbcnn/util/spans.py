"""Memory ranges of arrays, and the same views at another address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def span(array: np.ndarray) -> tuple[int, int]:
    """The addresses of an array's first byte and of the one after its last."""
    reach = [(length - 1) * stride for length, stride in zip(array.shape, array.strides, strict=True)]
    first = array.__array_interface__["data"][0]
    return first + sum(min(r, 0) for r in reach), first + sum(max(r, 0) for r in reach) + array.itemsize


def arrays_in(value: Any) -> list[np.ndarray]:
    """The arrays that are not empty in a value: an array, or tuples and lists of them."""
    if isinstance(value, np.ndarray) and value.size:
        return [value]
    return [array for item in value for array in arrays_in(item)] if isinstance(value, (tuple, list)) else []


def changed(value: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The value with ``change`` made to the arrays in it; what is no array stays."""
    if isinstance(value, np.ndarray):
        return change(value) if value.size else value
    if isinstance(value, (tuple, list)):
        parts = [changed(item, change) for item in value]
        same = [new is old for new, old in zip(parts, value, strict=True)]  # no generator: one may be interrupted
        return value if all(same) else type(value)(parts)
    return value


def inside(array: np.ndarray, memory: np.ndarray) -> bool:
    """Whether all of an array is in the memory of a contiguous one."""
    (first, last), (start, end) = span(array), span(memory)
    return start <= first and last <= end


def at(array: np.ndarray, memory: np.ndarray, offset: int) -> np.ndarray:
    """An array like this one, ``offset`` bytes into contiguous memory."""
    return np.ndarray(array.shape, array.dtype, memory.reshape(-1).view(np.uint8), offset, array.strides)


def moved(array: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The part of ``new`` that an array is of ``old``, both contiguous and of one size; else the array itself."""
    return at(array, new, span(array)[0] - span(old)[0]) if inside(array, old) else array


def in_row(value: Any, rows: np.ndarray, number: int) -> Any:
    """The value with arrays that lie in row 0 of ``rows`` (n, bytes) at the same place in row ``number``."""
    if not rows.size:
        return value
    start, step = rows.__array_interface__["data"][0], rows.strides[0]

    def shift(array: np.ndarray) -> np.ndarray:
        offset = span(array)[0] - start
        return at(array, rows, offset + number * step) if 0 <= offset < step else array

    return changed(value, shift)
