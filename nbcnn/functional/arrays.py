"""Checks of arrays (N, C, H, W), and their conversion to packs and back, for the functional ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.shapes import LARGEST, Padding, shortened

Ints = int | Sequence[int]


def check_shape(what: str, got: Sequence[int], wanted: Sequence[int]) -> None:
    """Raise ShapeError unless an array has the wanted shape."""
    if tuple(got) != tuple(wanted):
        raise ShapeError(f"{what} must have shape {tuple(wanted)}, got {tuple(got)}")


def float_array(name: str, array: np.ndarray, ndim: int | None = None) -> np.ndarray:
    """A C-contiguous array of the right kind; ShapeError says in a line of Python how to make it such."""
    _check_numbers(name, array, ndim)
    if ndim is not None and array.ndim != ndim:
        line = _with_axes(name, array, ndim)
        raise ShapeError(f"{name} must have {ndim} axes{_LETTERS.get((name, ndim), '')}, got shape {array.shape}{line}")
    return np.asarray(array, order="C")  # ascontiguousarray would give an array without axes one


def _check_numbers(name: str, array: np.ndarray, ndim: int | None) -> None:
    """Raise ShapeError unless an array holds floats; its line of Python adds missing axes, too."""
    if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
        got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise ShapeError(
            f"{name} must be a NumPy array of float32 or float64, got {got}; "
            f"write {_converted(name, array)}{'[None, None]' if ndim == 4 and np.ndim(array) == 2 else ''}"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise ShapeError(f"{name} is a masked array; fill its gaps first: {name}.filled(0)")


def images(name: str, array: np.ndarray) -> np.ndarray:
    """A float array (N, C, H, W), or one image (C, H, W) as a batch of one."""
    _check_numbers(name, array, 4)
    array = float_array(name, array)
    if array.ndim not in (3, 4):
        line = _with_axes(name, array, 4)
        raise ShapeError(f"{name} must have 4 axes (N, C, H, W), or 3 for one image, got shape {array.shape}{line}")
    return array if array.ndim == 4 else array[None]


_LETTERS = {
    ("w", 4): " (O, C/groups, KH, KW)",
    ("weight", 4): " (O, C/groups, KH, KW)",
    ("w", 2): " (O, F)",
    ("x", 2): " (N, F)",
    ("b", 1): " (O,)",
}


def _converted(name: str, value: object) -> str:
    """The line that makes a float array of a value: of whole numbers, a list, a tensor of PyTorch's."""
    if isinstance(value, np.ndarray):
        return f"{name}.astype(np.float32)"
    if hasattr(value, "detach"):
        return f"{name}.detach().cpu().numpy()"
    return f"np.asarray({name}, np.float32)"


def _with_axes(name: str, array: np.ndarray, wanted: int) -> str:
    """The line that gives an array the axes which it lacks, or takes them; nothing where it can't be known."""
    if wanted == 4 and array.ndim == 2:
        what = "one kernel for one channel" if name in ("w", "weight") else "one image of one channel"
        return f"; for {what} write {name}[None, None]"
    if wanted == 4 and array.ndim == 3:  # kernels
        return f"; for one output channel write {name}[None], for kernels on one channel {name}[:, None]"
    if wanted == 2 and array.ndim == 1:
        return f"; for {'one output' if name == 'w' else 'one image'} write {name}[None]"
    if wanted == 2 and array.ndim > 2:
        return f"; to flatten each image write {name}.reshape(len({name}), -1)"
    if wanted == 1 and array.size == max(array.shape, default=1):
        return f"; write {name}.reshape(-1)"
    return ""


def check_alike(**arrays: np.ndarray) -> None:
    """Raise ShapeError unless all arrays have one dtype."""
    if len({array.dtype for array in arrays.values()}) > 1:
        listed = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise ShapeError(f"all arrays must have one dtype, got {listed}; convert them with .astype")


def pair(name: str, value: Ints, least: int) -> tuple[int, int]:
    """Rows and columns from one number, alone or in a sequence, or two."""
    both = _items(value)
    both = both * 2 if len(both) == 1 else both
    if len(both) != 2 or not all(is_count(v, least) for v in both):
        raise ShapeError(f"{name} must be one whole number of at least {least}, or two, got {in_short(value)}")
    check_largest(name, both)
    return int(both[0]), int(both[1])


def check_largest(name: str, numbers: Sequence[int]) -> None:
    """Raise ShapeError for a number that kernels can't count with."""
    if max(numbers) > LARGEST:
        raise ShapeError(f"{name} {shortened(int(max(numbers)))} is too large; the largest is {LARGEST:,}")


def _items(value: Any) -> tuple[Any, ...]:
    """The items of a sequence; one value alone, an array without axes too, is the only item."""
    axes = getattr(value, "ndim", 1)
    return tuple(value) if isinstance(value, (tuple, list, np.ndarray)) and axes > 0 else (value,)


def in_short(value: object) -> str:
    """A value for a message: in one line, and not all of a long one."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {value.dtype} of shape {value.shape}" if value.size > 4 else repr(value.tolist())
    if isinstance(value, int) and abs(value) >= 10**15:
        return shortened(value)
    if isinstance(value, (tuple, list)) and len(value) > 8:
        return f"{in_short(value[:4])} and {len(value) - 4:,} more"
    try:
        text = " ".join(repr(value[:200] if isinstance(value, (str, bytes)) else value).split())
    except ValueError:  # a whole number inside it with thousands of digits
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."


def padding_of(value: Ints | str, words: Sequence[str] = ()) -> Padding:
    """Padding from one number, two, four, or one of ``words``."""
    if isinstance(value, str) and value in words:
        return value
    sides = _items(value)
    if len(sides) not in (1, 2, 4) or not all(is_count(v, 0) for v in sides):
        kinds = [
            "one whole number of at least 0",
            "two (rows, columns)",
            "four (top, bottom, left, right)",
            *map(repr, words),
        ]
        raise ShapeError(f"padding must be {', '.join(kinds[:-1])} or {kinds[-1]}, got {in_short(value)}")
    check_largest("padding", sides)
    if len(sides) == 4:
        top, bottom, left, right = map(int, sides)
        return (top, bottom, left, right)
    return pair("padding", value, 0)  # type: ignore[arg-type]


def truth(name: str, value: object) -> bool:
    """True or False, Python's or NumPy's; a word such as "no" is neither."""
    if not isinstance(value, (bool, np.bool_)):
        raise ShapeError(f"{name} must be True or False, got {in_short(value)}")
    return bool(value)


def is_count(value: object, least: int) -> bool:
    """Whether this is a whole number (Python's or NumPy's, no bool) of at least ``least``."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def sizes(name: str, value: Sequence[int], axes: str, one_less: str = "") -> tuple[int, ...]:
    """A shape that was given as an argument; ``axes`` names what it must hold, as in (N, C, H, W).

    Where ``one_less`` says what for, the first of them may be missing.
    """
    wanted = axes.count(",") + 1
    lengths = (wanted, wanted - 1) if one_less else (wanted,)
    numbers = _items(value)
    if len(numbers) not in lengths or not all(is_count(v, 0) for v in numbers):
        more = f", or {wanted - 1} for {one_less}" if one_less else ""
        raise ShapeError(f"{name} must be {wanted} whole numbers {axes}{more}, got {in_short(value)}")
    check_largest(name, numbers)
    return tuple(int(v) for v in numbers)


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
