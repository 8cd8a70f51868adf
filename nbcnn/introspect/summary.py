"""The summary of a network: one row per layer with shapes, parameters, cost, receptive field."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from nbcnn.engine.network import leaves
from nbcnn.introspect.receptive_field import Field, field_of, moves, seen_by_all, sees_all
from nbcnn.layers import Layer
from nbcnn.util.formatting import window


@dataclass(frozen=True)
class Row:
    """One layer. ``macs`` and ``activation_bytes`` are for one image, forward; ``field`` is None: the whole image."""

    path: str
    layer: str
    out_shape: tuple[int, ...]
    window: str
    parameters: int
    macs: int
    activation_bytes: int
    field: Field | None
    backend: str | None


def summarize(root: Layer) -> list[Row]:
    """The rows of a network's layers, composite layers taken apart."""
    rows, problems, seen = [], [], _Seen(root.in_shape[1:])
    for layer in leaves(root):
        problem = layer.problem
        if problem is not None:
            problems.append(problem)
            seen.through(problems)
        parameters = sum(prod(parameter.shape) for parameter in layer.parameters().values())
        size = 0 if layer.op is None else 4 * prod(layer.out_shape)
        macs = problem.macs if problem is not None else 0
        shape, words = layer.out_shape, window(problem)
        rows.append(Row(layer.path, layer.kind, shape, words, parameters, macs, size, seen.field, layer.backend))
    return rows


class _Seen:
    """The receptive field layer by layer; ``field`` is None from where every output depends on every pixel."""

    def __init__(self, image: tuple[int, ...]) -> None:
        self.field: Field | None = Field()
        self._image, self._whole = image, False

    def through(self, problems: list[Any]) -> None:
        """Go on through the last of these problems."""
        if self._whole or self.field is None:  # what comes after sees what all outputs before it saw
            return
        last = problems[-1]
        if not (moves(last) or sees_all(last)):
            return
        self.field = field_of(problems)
        rows, columns = (seen_by_all(problems, size, axis) for axis, size in enumerate(self._image))
        if rows is not None and columns is not None:
            self._whole, every = True, (len(rows), len(columns)) == self._image
            extent = tuple(int(axis[-1] - axis[0] + 1) if axis.size else 0 for axis in (rows, columns))
            self.field = None if every else Field((extent[0], extent[1]), self.field.jump)
