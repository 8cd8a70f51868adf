"""What functions on arrays (N, C, H, W) need around a kernel: checks of arrays, and the way to packs and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.shapes import Padding

Ints = int | Sequence[int]


def check_shape(what: str, got: Sequence[int], wanted: Sequence[int]) -> None:
    """Raise ShapeError unless an array has the wanted shape."""
    if tuple(got) != tuple(wanted):
        raise ShapeError(f"{what} must have shape {tuple(wanted)}, got {tuple(got)}")


def float_array(name: str, array: np.ndarray, ndim: int | None = None) -> np.ndarray:
    """A C-contiguous array of the right kind."""
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ShapeError(
            f"{name} must be a NumPy array of float32 or float64, got {got}; use np.asarray(..., 'float32')"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise ShapeError(f"{name} is a masked array; fill its gaps first: {name}.filled(0)")
    if ndim is not None and array.ndim != ndim:
        raise ShapeError(f"{name} must have {ndim} axes, got shape {array.shape}")
    return np.asarray(array, order="C")  # ascontiguousarray would give an array without axes one


def images(name: str, array: np.ndarray) -> np.ndarray:
    """A float array (N, C, H, W), or one image (C, H, W) as a batch of one."""
    array = float_array(name, array)
    if array.ndim not in (3, 4):
        raise ShapeError(f"{name} must have 4 axes (N, C, H, W), or 3 for one image, got shape {array.shape}")
    return array if array.ndim == 4 else array[None]


def check_alike(**arrays: np.ndarray) -> None:
    """Raise ShapeError unless all arrays have one dtype."""
    if len({array.dtype for array in arrays.values()}) > 1:
        listed = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise ShapeError(f"all arrays must have one dtype, got {listed}; convert them with .astype")


def pair(name: str, value: Ints, least: int) -> tuple[int, int]:
    """Rows and columns from one number, alone or in a sequence, or two."""
    both = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value,)
    both = both * 2 if len(both) == 1 else both
    if len(both) != 2 or not all(is_count(v, least) for v in both):
        raise ShapeError(f"{name} must be one whole number of at least {least}, or two, got {value!r}")
    return int(both[0]), int(both[1])


def padding_of(value: Ints | str, words: Sequence[str] = ()) -> Padding:
    """Padding from one number, two, four, or one of ``words``."""
    if isinstance(value, str) and value in words:
        return value
    sides = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value,)
    if len(sides) not in (1, 2, 4) or not all(is_count(v, 0) for v in sides):
        kinds = [
            "one whole number of at least 0",
            "two (rows, columns)",
            "four (top, bottom, left, right)",
            *map(repr, words),
        ]
        raise ShapeError(f"padding must be {', '.join(kinds[:-1])} or {kinds[-1]}, got {value!r}")
    if len(sides) == 4:
        top, bottom, left, right = map(int, sides)
        return (top, bottom, left, right)
    return pair("padding", value, 0)  # type: ignore[arg-type]


def truth(name: str, value: object) -> bool:
    """True or False, Python's or NumPy's; a word such as "no" is neither."""
    if not isinstance(value, (bool, np.bool_)):
        raise ShapeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def is_count(value: object, least: int) -> bool:
    """Whether this is a whole number (Python's or NumPy's, no bool) of at least ``least``."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def sizes(name: str, value: Sequence[int], axes: str, one_less: str = "") -> tuple[int, ...]:
    """A shape that was given as an argument; ``axes`` names what it must hold, as in (N, C, H, W).

    Where ``one_less`` says what for, the first of them may be missing.
    """
    wanted = axes.count(",") + 1
    lengths = (wanted, wanted - 1) if one_less else (wanted,)
    if not isinstance(value, (tuple, list)) or len(value) not in lengths or not all(is_count(v, 0) for v in value):
        more = f", or {wanted - 1} for {one_less}" if one_less else ""
        raise ShapeError(f"{name} must be {wanted} whole numbers {axes}{more}, got {value!r}")
    return tuple(int(v) for v in value)


def to_packs(x: np.ndarray) -> np.ndarray:
    """(N, …) to packs (P, …, 16), the last one filled up with zeros."""
    count = -(-len(x) // LANES)
    padded = np.zeros((count * LANES, *x.shape[1:]), x.dtype)
    padded[: len(x)] = x
    split = padded.reshape(count, LANES, *x.shape[1:])
    return np.ascontiguousarray(np.moveaxis(split, 1, -1))


def empty_packs(count: int, shape: Sequence[int], dtype: np.dtype[Any]) -> np.ndarray:
    """Zeroed packs (P, *shape, 16) that hold ``count`` images."""
    return np.zeros((-(-count // LANES), *shape, LANES), dtype)


def from_packs(packs: np.ndarray, count: int) -> np.ndarray:
    """Packs (P, …, 16) back to (N, …)."""
    rows = np.moveaxis(packs, -1, 1)
    return np.ascontiguousarray(rows.reshape(-1, *packs.shape[1:-1])[:count])
