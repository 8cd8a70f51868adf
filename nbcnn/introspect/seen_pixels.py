"""Which pixels of the image all outputs of a layer see, back through branches, where they see the same ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbcnn.introspect.graph import IMAGE, Node
from nbcnn.introspect.windows import covers_all, looked_at, moves, sees_all
from nbcnn.layers import Layer

LARGEST = 10_000_000
"""Rows or columns up to which it is reckoned which of them are seen; a larger image is taken not to be seen whole."""
MANY = 32
"""Different pairs of rows and columns, through different branches, that are followed; with more nothing is said."""

Area = tuple[np.ndarray, np.ndarray]
"""Rows and columns, each a bool for every one: the pixels where both are true."""


def pixels_seen(
    nodes: Sequence[Node], number: int, image: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Rows and columns of the image that each output of a node depends on (sorted int64), and whether that is all.

    None where some outputs see less than others. The node's layer sees all of its input, as a linear one does, or has a
    window that covers it at every place; those before it may leave pixels out, which a floor drops or a stride skips.
    """
    layer = nodes[number].layer
    shapes = [node.layer.out_shape[1:] for node in nodes[:number]]
    if max((*image, *(size for shape in shapes for size in shape))) > LARGEST:
        return None
    if not sees_all(layer.problem) and not all(covers_all(layer.problem, axis) for axis in (0, 1)):
        return None
    areas: dict[int, list[Area]] = {}

    def reads(layer: Layer, inputs: Sequence[int], seen: list[Area]) -> None:
        for each in inputs:
            sizes = image if each == IMAGE else shapes[each]
            fitting = [_everything(sizes) if [len(a) for a in area] != list(sizes) else area for area in seen]
            areas[each] = _without_parts([*areas.get(each, []), *fitting])

    reads(layer, nodes[number].inputs, [_everything(layer.in_shape[1:])])
    for before in range(number - 1, -1, -1):
        if not (seen := areas.pop(before, [])):
            continue
        node = nodes[before]
        if not node.how and sees_all(node.layer.problem):
            seen = [_everything(node.layer.in_shape[1:])]
        elif not node.how and moves(node.layer.problem):
            seen = _without_parts([_looked_at(node.layer, area) for area in seen])
        if len(seen) > MANY:
            return None
        reads(node.layer, node.inputs, seen)
    found = areas.get(IMAGE, [])
    rows, columns = (np.flatnonzero(np.any([area[axis] for area in found], axis=0)) for axis in (0, 1))
    return rows, columns, _cover(found)


def _everything(sizes: Sequence[int]) -> Area:
    """All pixels of an image (rows, columns); of a vector, which has no places, one."""
    rows, columns = sizes or (1, 1)
    return np.ones(rows, bool), np.ones(columns, bool)


def _without_parts(areas: Sequence[Area]) -> list[Area]:
    """The areas that don't lie in others."""
    kept: list[Area] = []
    for area in areas:
        if not any(_inside(area, other) for other in kept):
            kept = [other for other in kept if not _inside(other, area)] + [area]
    return kept


def _inside(area: Area, other: Area) -> bool:
    return all(not np.any(mine & ~its) for mine, its in zip(area, other, strict=True))


def _cover(areas: Sequence[Area]) -> bool:
    """Whether the areas together are the whole image: in every row, the columns of those that have the row."""
    rows = np.unique(np.stack([area[0] for area in areas]), axis=1)
    columns = np.stack([area[1] for area in areas])
    return all(bool(columns[having].any(axis=0).all()) for having in rows.T)


def _looked_at(layer: Layer, area: Area) -> Area:
    """The input rows and columns that these outputs depend on."""
    found = [np.zeros(size, bool) for size in layer.in_shape[1:]]
    for axis, rows in enumerate(found):
        rows[looked_at(layer.problem, rows.size, np.flatnonzero(area[axis]), axis)] = True
    return found[0], found[1]
