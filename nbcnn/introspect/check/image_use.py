"""Use of an image's rows and columns by a network: which ones, how often, and from how far."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from nbcnn.introspect.check.architecture import Architecture
from nbcnn.introspect.graph import IMAGE
from nbcnn.introspect.windows import jump, looked_at, moves, reach, sees_all

LARGEST = 4096
"""Rows or columns of an image, or of a window, up to which they are followed one by one."""


def followed(net: Architecture) -> bool:
    """Whether all images and windows of a network are small enough to follow each row."""
    sizes = [max(net.size(number)) for number in (IMAGE, *net)]
    spans = [net.span(number, axis) for number in net.windows() for axis in (0, 1)]
    return max(sizes) <= LARGEST and max(spans, default=1) <= LARGEST


def needed(net: Architecture, axis: int) -> dict[int, np.ndarray]:
    """For each node and the image the rows (axis 0) or columns (1) that the scores depend on, a bool for each."""
    return _back_from(net, net.last, np.ones(net.size(net.last)[axis], bool), axis)


def seen_from_centre(net: Architecture, number: int, axis: int) -> np.ndarray:
    """The rows or columns of the image, a bool for each, that a node's output in the middle depends on."""
    outputs = np.zeros(net.size(number)[axis], bool)
    outputs[outputs.size // 2] = True
    return _back_from(net, number, outputs, axis)[IMAGE]


def _back_from(net: Architecture, start: int, outputs: np.ndarray, axis: int) -> dict[int, np.ndarray]:
    found = {number: np.zeros(net.size(number)[axis], bool) for number in range(IMAGE, start + 1)}
    found[start] = outputs
    for number in range(start, IMAGE, -1):
        rows = found[number]
        for each in net.nodes[number].inputs if rows.any() else ():
            found[each] |= _looked_at(net, number, rows, found[each].size, axis)
    return found


def _looked_at(net: Architecture, number: int, rows: np.ndarray, size: int, axis: int) -> np.ndarray:
    problem = net.problem(number)
    if moves(problem):
        seen = np.zeros(size, bool)
        seen[looked_at(problem, size, np.flatnonzero(rows), axis)] = True
        return seen
    return rows if rows.size == size and not sees_all(problem) else np.ones(size, bool)


def times_used(net: Architecture, axis: int) -> np.ndarray:
    """On how many ways each row or column of the image reaches the features that linear layers or global pooling read.

    All numbers of a window count alike, as if each weight were 1.
    """
    used = {number: np.zeros(net.size(number)[axis]) for number in (IMAGE, *net)}
    used[net.last] += 1
    for number in range(net.last, IMAGE, -1):
        problem, ways = net.problem(number), used[number]
        for each in net.nodes[number].inputs:
            into = used[each]
            if net.is_global(number) or (into.size != ways.size and not moves(problem)):
                into += 1
            elif not moves(problem):
                into += ways
            else:
                _add_windows(problem, axis, ways, into)
    return used[IMAGE]


def _add_windows(problem: Any, axis: int, ways: np.ndarray, into: np.ndarray) -> None:
    outputs = np.arange(ways.size)
    if not hasattr(problem, "kernel_size"):
        for output in outputs:
            first, last = reach(problem, axis, int(output), int(output))
            into[max(0, first) : max(0, last + 1)] += ways[output]
        return
    first, _ = reach(problem, axis, 0, 0)
    step, stride = getattr(problem, "dilation", (1, 1))[axis], problem.stride[axis]
    for tap in range(problem.kernel_size[axis]):
        rows = first + outputs * stride + tap * step
        inside = (rows >= 0) & (rows < into.size)
        np.add.at(into, rows[inside], ways[inside])


class Reach(NamedTuple):
    """Input rows and columns that one output of a node looks back on, by the branches that see least and most."""

    least: tuple[int, int]
    most: tuple[int, int]


def reaches(net: Architecture) -> list[Reach]:
    """Of each node, equation (25) along its branches; beyond the image it goes on. A global layer sees the image."""
    found = [_rows_and_columns(net, axis) for axis in (0, 1)]
    return [Reach((r[0], c[0]), (r[1], c[1])) for r, c in zip(*found, strict=True)]


def _rows_and_columns(net: Architecture, axis: int) -> list[tuple[int, int]]:
    """Along one axis the least and the most of each node."""
    found = {IMAGE: (1, 1, Fraction(1))}
    for number, node in enumerate(net.nodes):
        before = [found[each] for each in node.inputs]
        least, most = min(seen[0] for seen in before), max(seen[1] for seen in before)
        step = max(seen[2] for seen in before)
        problem = net.problem(number)
        if sees_all(problem) or net.is_global(number):
            least, most = max(least, net.size(IMAGE)[axis]), max(most, net.size(IMAGE)[axis])
        elif moves(problem):
            first, last = reach(problem, axis, 0, 0)
            least, most = (int(size + (last - first) * step) for size in (least, most))
            step *= jump(problem, axis)
        found[number] = (least, most, Fraction(step))
    return [found[number][:2] for number in net]
