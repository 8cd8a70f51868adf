"""Fusion of an activation with the pooling that reads it, where both are ``direct``. No bit changes.

Calls are matched on what they compute and on the arrays that they read and write, never on the order of layers: in a
layer with branches the next call may read something else, and a third one may read the activation too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import combinations, starmap

import numpy as np

from nbcnn.engine.fused_kernels import ACTIVATIONS, POOLING, formulas, fused, numbers, tiles
from nbcnn.kernels.contract import KernelWithAttributes, unfolded
from nbcnn.kernels.registry import DEFAULT, prepare
from nbcnn.layers.base import Call
from nbcnn.util.spans import arrays_in, span


def fuse(calls: Sequence[Call]) -> list[Call]:
    """The same calls, pairs in one; ``calls`` are all that are made for a pack, those that take its output included.

    A pair's call has both layers' paths, as in "1+2".
    """
    uses = _Uses(calls)
    made: list[Call] = []
    for call in calls:
        pair = _pair(made[-1], call, uses) if made else None
        if pair:
            made[-1] = pair
        else:
            made.append(call)
    return made


def _pair(before: Call, after: Call, uses: _Uses) -> Call | None:
    """Two calls in one, or None where they are no pair."""
    forward = before.direction == "forward"
    first, second = (before, after) if forward else (after, before)  # in the network's order
    if first.direction != second.direction or not (_is_direct(first, ACTIVATIONS) and _is_direct(second, POOLING)):
        return None
    activation, pooling = _named(first), _named(second)
    y, z = pooling["x"], pooling["y"]
    handed_on = "y" if forward else "dy"
    used_elsewhere = uses.count(activation[handed_on]) > _Uses((first, second)).count(activation[handed_on])
    kernels = fused(first.problem, second.problem.op)
    arrays: tuple[np.ndarray, ...]
    if forward:
        kernel, arrays, keep = kernels.forward, (activation["x"].reshape(y.shape), y, z), used_elsewhere
    elif used_elsewhere or not _same(activation["dy"], pooling["dx"]):
        return None
    else:
        source = activation["x"].reshape(y.shape) if formulas(first.problem).of_input else y
        kernel, arrays, keep = kernels.grad_input, (source, z, pooling["dy"], activation["dx"].reshape(y.shape)), True
    if not _same(activation["y"], y) or any(starmap(_overlap, combinations(arrays, 2))):
        return None  # the second reads something else; or in one pass what is not read yet would be overwritten
    attributes = numbers(first.problem, second.problem, keep)
    return Call(f"{first.layer}+{second.layer}", first.direction, KernelWithAttributes(kernel, attributes), arrays)


def _is_direct(call: Call, ops: Iterable[str]) -> bool:
    """Whether a call is the default backend's for one of these ops, on windows and arrays that can be fused."""
    problem = call.problem
    if problem is None or problem.op not in ops or (problem.op in POOLING and not tiles(problem)):
        return False
    known = getattr(prepare(problem, DEFAULT).kernels, call.direction)
    return unfolded(call.kernel, ()) == unfolded(known, ()) and all(a.flags.c_contiguous for a in call.arrays)


def _named(call: Call) -> dict[str, np.ndarray]:
    """A call's arrays by the names that they have in the contract."""
    signatures = {signature.kernel: signature for signature in call.problem.kernels.signatures()}
    return dict(zip(signatures[call.direction].arguments, call.arrays, strict=True))


class _Uses:
    """How often the memory of an array is in use by calls: what is no kernel of an op may read and write all it has."""

    def __init__(self, calls: Iterable[Call]) -> None:
        found = [span(array) for call in calls for array in arrays_in(unfolded(call.kernel, call.arrays)[1])]
        self._starts, self._ends = sorted(start for start, _ in found), sorted(end for _, end in found)

    def count(self, array: np.ndarray) -> int:
        start, end = span(array)
        return bisect_left(self._starts, end) - bisect_right(self._ends, start)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are the same memory, perhaps in two shapes."""
    return span(a) == span(b)


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    return np.may_share_memory(a, b)
