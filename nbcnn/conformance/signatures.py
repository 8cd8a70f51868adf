"""Which arrays each kernel of the contract takes and writes, as tables that every check goes by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nbcnn.kernels.contract import LANES, LossKernels, LossProblem, ParameterFreeKernels, WeightedKernels

Array = NDArray[Any]
Arrays = dict[str, Array]


class Call(NamedTuple):
    """A kernel by its name, the arrays that it reads and those that it writes, in the order of its arguments."""

    kernel: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


CALLS: dict[type[Any], tuple[Call, ...]] = {
    WeightedKernels: (
        Call("forward", ("x", "w", "b"), ("y",)),
        Call("grad_input", ("dy", "w"), ("dx",)),
        Call("grad_weight", ("x", "dy"), ("dw", "db")),
    ),
    ParameterFreeKernels: (Call("forward", ("x",), ("y",)), Call("grad_input", ("x", "y", "dy"), ("dx",))),
    LossKernels: (
        Call("forward", ("x", "labels"), ("losses", "guesses")),
        Call("grad_input", ("x", "labels", "scale"), ("dx",)),
    ),
}

PACKS = frozenset({"x", "y", "dy", "dx", "labels", "losses", "guesses", "scale"})
"""Arrays whose last axis is the 16 images."""
WHOLE = frozenset({"labels", "guesses"})
"""Arrays of whole numbers, int64."""


def calls(problem: Any) -> tuple[Call, ...]:
    """The kernels of a problem."""
    return CALLS[problem.kernels]


def given(problem: Any) -> tuple[str, ...]:
    """The arrays that come from outside: read by some kernel and written by none."""
    read = [name for call in calls(problem) for name in call.reads]
    written = {name for call in calls(problem) for name in call.writes}
    return tuple(dict.fromkeys(name for name in read if name not in written))


def shape(problem: Any, name: str) -> tuple[int, ...]:
    """Of an array of a problem."""
    if name in ("labels", "losses", "guesses", "scale"):
        return (LANES,)
    if isinstance(problem, LossProblem):
        return (problem.classes, LANES)
    if name in ("x", "dx"):
        return (*problem.x_shape, LANES)
    if name in ("y", "dy"):
        return (*problem.y_shape, LANES)
    whole: tuple[int, ...] = problem.w_shape if name in ("w", "dw") else problem.y_shape[:1]
    return whole


def dtype(problem: Any, name: str) -> str:
    """Of an array of a problem."""
    return "int64" if name in WHOLE else str(problem.dtype)


def images(pack: Array) -> Array:
    """(…, 16) to (16, …)."""
    return np.moveaxis(pack, -1, 0)


def pack(images: Array) -> Array:
    """(16, …) to (…, 16)."""
    return np.moveaxis(images, 0, -1)
