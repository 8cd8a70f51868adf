"""The receptive field: rows and columns of input pixels that one output depends on, through branches the largest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from nbcnn.introspect.graph import IMAGE, Node
from nbcnn.introspect.seen_pixels import pixels_seen
from nbcnn.introspect.windows import jump, moves, reach, sees_all

Pair = tuple[int, int]

Reach = Callable[[int, Pair], tuple[Pair, Pair]]
"""The first and the last row, and column, of the image that an output depends on; outside of it is padding."""

MANY = 1000
"""Outputs, side by side, whose fields are compared at most, at either end of the image."""


class Field(NamedTuple):
    """A receptive field. ``size``: input rows and columns; ``jump``: input pixels between neighbouring outputs, a
    fraction after an enlargement, and a mean where windows differ in size.
    """

    size: Pair = (1, 1)
    jump: tuple[float, float] = (1, 1)


class _Seen(NamedTuple):
    """What a node's outputs see. ``places``: rows and columns of outputs, of a vector those that it was made of;
    ``ends``: first and last row and column of the image, where all outputs see the same pixels; ``whole``: all of them.
    """

    places: Pair
    jump: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))
    period: Pair = (1, 1)
    size: Pair = (1, 1)
    ends: tuple[Pair, Pair] | None = None
    whole: bool = False


def fields_of(nodes: Sequence[Node], in_shape: Sequence[int]) -> list[Field | None]:
    """The field of each node's outputs, equation (25), from each back to the image; None: the whole image.

    Where outputs differ in how many pixels they depend on, the most; pixels beyond the image's border count too. Where
    branches are joined, it reaches from the first pixel that any of them sees to the last.
    """
    found = _seen_by(nodes, in_shape)
    return [None if found[n].whole else Field(found[n].size, _numbers(found[n].jump)) for n in range(len(nodes))]


def reach_of(nodes: Sequence[Node], in_shape: Sequence[int]) -> Reach:
    """A function of a node's number and one of its outputs (row, column): what that depends on, see ``Reach``."""
    found = _seen_by(nodes, in_shape)
    rows, columns = found[IMAGE].places

    def reach_of_one(number: int, place: Pair) -> tuple[Pair, Pair]:
        if found[number].whole:
            return (0, rows - 1), (0, columns - 1)
        over_rows, over_columns = (_span_of(nodes, number, found, axis, place[axis]) for axis in (0, 1))
        return over_rows, over_columns

    return reach_of_one


def jumps_of(nodes: Sequence[Node], in_shape: Sequence[int]) -> list[tuple[float, float]]:
    """How many pixels of the image a node's neighbouring outputs are apart, where they see all of it too."""
    sizes = {IMAGE: tuple(in_shape[1:])} | {n: tuple(node.layer.out_shape[1:]) for n, node in enumerate(nodes)}
    found = {IMAGE: (Fraction(1), Fraction(1))}
    for number, node in enumerate(nodes):
        alike = [each for each in node.inputs if sizes[each] == sizes[number]] if node.how else []
        rows, columns = (max(found[each][axis] for each in alike or node.inputs) for axis in (0, 1))
        if not node.how and moves(node.layer.problem):
            rows, columns = rows * jump(node.layer.problem, 0), columns * jump(node.layer.problem, 1)
        found[number] = rows, columns
    return [_numbers(found[number]) for number in range(len(nodes))]


def _seen_by(nodes: Sequence[Node], in_shape: Sequence[int]) -> dict[int, _Seen]:
    rows, columns = (*in_shape[1:], 1, 1)[:2]
    found = {IMAGE: _Seen((rows, columns))}
    for number, node in enumerate(nodes):
        found[number] = _seen(nodes, number, found, [found[each] for each in node.inputs])
    return found


def _seen(nodes: Sequence[Node], number: int, found: dict[int, _Seen], before: Sequence[_Seen]) -> _Seen:
    node, first = nodes[number], before[0]
    shape, problem = node.layer.out_shape, None if node.how else node.layer.problem
    widest = max(seen.places[0] for seen in before), max(seen.places[1] for seen in before)
    places = (shape[1], shape[2]) if len(shape) == 3 else widest
    if not node.how and (first.whole or first.ends or not (moves(problem) or sees_all(problem))):
        return first._replace(places=places)  # what comes after sees what all outputs before it saw
    if any(seen.whole for seen in before):
        return _Seen(places, whole=True)
    alike = [seen for seen in before if seen.places == places] if node.how else [first]
    jumps = [max(seen.jump[axis] for seen in alike or before) for axis in (0, 1)]
    periods = [lcm(*(seen.period[axis] for seen in before)) for axis in (0, 1)]
    if moves(problem):
        own = [jump(problem, axis) for axis in (0, 1)]
        jumps = [one * other for one, other in zip(jumps, own, strict=True)]
        periods = [period * one.denominator for period, one in zip(periods, own, strict=True)]
    seen = _Seen(places, (jumps[0], jumps[1]), (periods[0], periods[1]))
    if problem is not None and (pixels := pixels_seen(nodes, number, found[IMAGE].places)) is not None:
        at, to = ((int(axis[0]), int(axis[-1])) if axis.size else (0, -1) for axis in pixels[:2])
        return seen._replace(ends=(at, to), size=(at[1] - at[0] + 1, to[1] - to[0] + 1), whole=pixels[2])
    sizes = [_extent(nodes, number, {**found, number: seen}, axis) for axis in (0, 1)]
    return seen._replace(size=(sizes[0], sizes[1]))


def _extent(nodes: Sequence[Node], number: int, found: Mapping[int, _Seen], axis: int) -> int:
    """Fields repeat after a period; of branches that move apart, the first or the last ones see most."""
    count = found[number].places[axis]
    few = min(found[number].period[axis], count, MANY)
    outputs = {*range(few), *range(count - few, count)} or {0}
    spans = (_span_of(nodes, number, found, axis, output) for output in outputs)
    return max(last - first + 1 for first, last in spans)


def _span_of(nodes: Sequence[Node], number: int, found: Mapping[int, _Seen], axis: int, output: int) -> Pair:
    """From the first to the last row (column) of the image that one output depends on, back through all branches."""
    wanted: dict[int, Pair] = {number: (output, output)}
    for at in range(number, IMAGE, -1):
        if at not in wanted:
            continue
        span = wanted.pop(at)
        for each, (first, last) in _back(nodes[at], found, at, axis, span):
            low, high = wanted.get(each, (first, last))
            wanted[each] = min(low, first), max(high, last)
    return wanted.get(IMAGE, (0, -1))


def _back(node: Node, found: Mapping[int, _Seen], at: int, axis: int, span: Pair) -> Iterator[tuple[int, Pair]]:
    """What a node's outputs, the first and the last, are computed from: nodes, and their outputs."""
    ends = found[at].ends
    if ends is not None:
        if ends[axis][0] <= ends[axis][1]:
            yield IMAGE, ends[axis]
        return
    problem = None if node.how else node.layer.problem
    if moves(problem):
        yield node.inputs[0], reach(problem, axis, *span)
        return
    places = found[at].places[axis]
    for each in node.inputs:
        size = found[each].places[axis]
        # a factor for each channel has one place, whichever the output's is
        yield each, span if size == places else (min(max(span[0], 0), size - 1), min(max(span[1], 0), size - 1))


def _numbers(jumps: tuple[Fraction, Fraction]) -> tuple[float, float]:
    rows, columns = (int(found) if found.denominator == 1 else float(found) for found in jumps)
    return rows, columns
