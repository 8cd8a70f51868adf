"""Stages of a step: groups of calls between which all packs of a batch wait for one another.

A layer that needs the whole batch, such as batch norm, ends a stage: all packs come that far, what they share is
complete, all packs go on. A network without such a layer is one stage. In training, the gradients of the parameters
that a stage has reached are added to the total at its end, in the order of the packs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nbcnn.engine.ordered_sum import add_in_turn
from nbcnn.kernels.contract import unfolded
from nbcnn.layers.base import Call
from nbcnn.util.aligned import zeros
from nbcnn.util.spans import arrays_in, span

Stage = list[Call]


def stages_of(calls: Sequence[Call]) -> list[Stage]:
    """The calls, cut after each that ends a stage."""
    stages: list[Stage] = [[]]
    for number, call in enumerate(calls):
        stages[-1].append(call)
        if call.ends_stage and number + 1 < len(calls):
            stages.append([])
    return stages


def with_sums(stages: Sequence[Stage], gradient: np.ndarray, total: np.ndarray, done: np.ndarray) -> list[Stage]:
    """The stages of a training step, each with the calls that add what it wrote of a pack's gradient (P,) to ``total``.

    ``done`` is that of add_in_turn, (P,) or (0,). What no stage writes stays zeros; the last stage adds it.
    """
    left = [(0, gradient.size)]
    made: list[Stage] = []
    for number, stage in enumerate(stages):
        written = left if number == len(stages) - 1 else _written(stage, gradient)
        left = _without(left, written)
        made.append([*stage, *(_sum(gradient, total, done, part) for part in written)])
    return made


def in_turn(
    calls: Sequence[Call], turn: Callable[[int], np.ndarray], first: int, place: np.ndarray
) -> tuple[list[Call], np.ndarray]:
    """The calls, those in turn with what they wait for, and their ``late`` (n,), a number for each of these.

    ``turn(k)`` (1,) is the pack that makes the call in turn of number k next; theirs are counted from ``first``.
    """
    late = zeros((sum(call.in_turn for call in calls),), np.dtype(np.int64))
    made, number = [], 0
    for call in calls:
        if call.in_turn:
            whose = (place, turn(first + number), late[number : number + 1])
            call = call._replace(arrays=(*call.arrays, whose))
            number += 1
        made.append(call)
    return made, late


def _sum(gradient: np.ndarray, total: np.ndarray, done: np.ndarray, part: tuple[int, int]) -> Call:
    own = slice(*part)
    return Call("batch", "add", add_in_turn, (total[own], done[own] if done.size else done, gradient[own]), None, True)


def _written(stage: Stage, gradient: np.ndarray) -> list[tuple[int, int]]:
    """The parts of a pack's gradient that the calls of a stage have among their arrays: neighbours joined."""
    start, end = span(gradient)
    found = []
    for call in stage:
        for array in arrays_in(unfolded(call.kernel, call.arrays)[1]):
            first, last = span(array)
            if start <= first and last <= end and array is not gradient:
                found.append(((first - start) // gradient.itemsize, (last - start) // gradient.itemsize))
    joined: list[tuple[int, int]] = []
    for first, last in sorted(set(found)):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined


def _without(parts: list[tuple[int, int]], taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    for start, end in taken:
        parts = [
            piece
            for first, last in parts
            for piece in ((first, min(last, start)), (max(first, end), last))
            if piece[0] < piece[1]
        ]
    return parts
