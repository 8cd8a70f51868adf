"""The receptive field: rows and columns of input pixels that one output depends on, through branches the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nbcnn.introspect.graph import IMAGE, Node
from nbcnn.introspect.seen_pixels import pixels_seen
from nbcnn.layers import Layer

Pair = tuple[int, int]
Ranges = dict[int, tuple[int, int]]
"""Of one axis: output o sees input rows first + o·jump to last + o·jump, for each jump: (first, last)."""


class Field(NamedTuple):
    """A receptive field. ``size``: input rows and columns; ``jump``: input pixels between neighbouring outputs."""

    size: Pair = (1, 1)
    jump: Pair = (1, 1)


class _Seen(NamedTuple):
    """What the outputs of a node see along both axes, of an image of ``places`` rows and columns of outputs."""

    ranges: tuple[Ranges, Ranges]
    jump: Pair
    places: Pair
    whole: bool = False


def fields_of(nodes: Sequence[Node], in_shape: Sequence[int]) -> list[Field | None]:
    """The field of each node's outputs, the largest where they differ; None: the whole image."""
    rows, columns = (*in_shape[1:], 1, 1)[:2]
    found = {IMAGE: _Seen(({1: (0, 0)}, {1: (0, 0)}), (1, 1), (rows, columns))}
    for number, node in enumerate(nodes):
        before = [found[each] for each in node.inputs]
        seen = _joined(before) if node.how else _after(before[0], node.layer)
        if not seen.whole and not node.how and _mixes_places(node.layer):
            seen = _fixed(seen, pixels_seen(nodes, number, (rows, columns)))
        found[number] = seen
    return [None if seen.whole else Field(_size(seen), seen.jump) for number, seen in found.items() if number != IMAGE]


def _mixes_places(layer: Layer) -> bool:
    problem = layer.problem
    return problem is not None and (problem.op == "linear" or hasattr(problem, "kernel_size"))


def _after(seen: _Seen, layer: Layer) -> _Seen:
    """Equation (25): r' = r + d·(k - 1)·j, j' = j·s, and the first row moves by the padding. No window, no change."""
    places = (layer.out_shape[1], layer.out_shape[2]) if len(layer.out_shape) == 3 else seen.places
    if seen.whole or not hasattr(layer.problem, "kernel_size"):
        return seen._replace(places=places)
    problem: Any = layer.problem
    dilation, ranges, jumps = getattr(problem, "dilation", (1, 1)), [], []
    for axis in (0, 1):
        reach, before = dilation[axis] * (problem.kernel_size[axis] - 1), problem.padding[2 * axis]
        ranges.append(
            {
                jump * problem.stride[axis]: (first - before * jump, last + (reach - before) * jump)
                for jump, (first, last) in seen.ranges[axis].items()
            }
        )
        jumps.append(seen.jump[axis] * problem.stride[axis])
    return _Seen((ranges[0], ranges[1]), (jumps[0], jumps[1]), places)


def _joined(before: Sequence[_Seen]) -> _Seen:
    """From the first pixel that any branch sees to the last; branches with other strides move apart."""
    ranges: tuple[Ranges, Ranges] = {}, {}
    for seen in before:
        for axis in (0, 1):
            for jump, (first, last) in seen.ranges[axis].items():
                low, high = ranges[axis].get(jump, (first, last))
                ranges[axis][jump] = min(low, first), max(high, last)
    jumps = max(seen.jump[0] for seen in before), max(seen.jump[1] for seen in before)
    return _Seen(ranges, jumps, before[0].places, any(seen.whole for seen in before))


def _fixed(seen: _Seen, pixels: tuple[np.ndarray, np.ndarray, bool] | None) -> _Seen:
    """The same pixels for all outputs, where that is known: they don't move from output to output."""
    if pixels is None:
        return seen
    rows, columns, whole = pixels
    ends = [(int(axis[0]), int(axis[-1])) if axis.size else (0, -1) for axis in (rows, columns)]
    return seen._replace(ranges=({0: ends[0]}, {0: ends[1]}), whole=whole)


def _size(seen: _Seen) -> Pair:
    """Of the output that sees most: with several jumps that is the first or the last one."""
    sizes = [
        max(
            max(last + place * jump for jump, (_, last) in ranges.items())
            - min(first + place * jump for jump, (first, _) in ranges.items())
            for place in (0, places - 1)
        )
        + 1
        for ranges, places in zip(seen.ranges, seen.places, strict=True)
    ]
    return sizes[0], sizes[1]
