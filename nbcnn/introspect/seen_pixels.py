"""Which pixels of the image all outputs of a layer see, back through branches, where they see the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbcnn.introspect.graph import IMAGE, Node
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

    None where some outputs see less than others. The node's layer is linear, or a window that covers its whole input at
    every place; those before it may leave pixels out, which a floor drops or a stride skips.
    """
    layer = nodes[number].layer
    shapes = [node.layer.out_shape[1:] for node in nodes[:number]]
    if max((*image, *(size for shape in shapes for size in shape))) > LARGEST:
        return None
    if layer.problem.op != "linear" and not all(_sees_all(layer.problem, axis) for axis in (0, 1)):
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
        if not node.how and hasattr(node.layer.problem, "kernel_size"):
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


def _sees_all(problem: Any, axis: int) -> bool:
    """Whether the windows of all outputs cover the whole input: the first one its end, the last one its beginning."""
    k, stride, size = problem.kernel_size[axis], problem.stride[axis], problem.x_shape[1 + axis]
    step, before = getattr(problem, "dilation", (1, 1))[axis], problem.padding[2 * axis]
    last: int = (problem.y_shape[1 + axis] - 1) * stride - before
    return bool((step == 1 or size == 1) and last <= 0 and step * (k - 1) - before >= size - 1)


def _looked_at(layer: Layer, area: Area) -> Area:
    """The input rows and columns that are in the windows of these outputs."""
    rows, columns = (
        _on_axis(layer.problem, layer.in_shape[1 + axis], np.flatnonzero(area[axis]), axis) for axis in (0, 1)
    )
    return rows, columns


def _on_axis(problem: Any, size: int, outputs: np.ndarray, axis: int) -> np.ndarray:
    step, first = getattr(problem, "dilation", (1, 1))[axis], outputs * problem.stride[axis] - problem.padding[2 * axis]
    found = np.zeros(size, bool)
    if outputs.size:  # of a window larger than the image, only taps that meet the image
        taps = range(max(0, -(int(first[-1]) // step)), problem.kernel_size[axis])
        for tap in taps[: max(0, (size - 1 - int(first[0])) // step + 1 - taps.start)]:
            rows = first + tap * step
            found[rows[(rows >= 0) & (rows < size)]] = True
            if found.all():
                break
    return found
