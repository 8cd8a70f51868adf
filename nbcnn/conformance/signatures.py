"""Signatures of a problem's kernels, with the packs and the weights among their arrays."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nbcnn.kernels.contract import Signature, array_type

Array = NDArray[Any]
Arrays = dict[str, Array]


def calls(problem: Any) -> tuple[Signature, ...]:
    """The kernels of a problem."""
    found: tuple[Signature, ...] = problem.kernels.signatures()
    return found


def given(problem: Any) -> tuple[str, ...]:
    """The arrays that come from outside: read by some kernel and written by none."""
    read = [name for call in calls(problem) for name in call.reads]
    written = {name for call in calls(problem) for name in call.writes}
    return tuple(dict.fromkeys(name for name in read if name not in written))


def shape(problem: Any, name: str) -> tuple[int, ...]:
    """Of an array of a problem."""
    return array_type(problem, name).shape


def dtype(problem: Any, name: str) -> str:
    """Of an array of a problem."""
    return array_type(problem, name).dtype


PACKS = frozenset({"x", "y", "dy", "dx", "labels", "losses", "guesses", "scale"})
"""Arrays of nbcnn's own ops whose last axis is the 16 images."""
