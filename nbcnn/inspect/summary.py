"""One row a layer: shapes, parameters, cost, what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from nbcnn.inspect.receptive_field import Field, after
from nbcnn.layers import Layer
from nbcnn.network import leaves
from nbcnn.words import window


@dataclass(frozen=True)
class Row:
    """``macs`` and ``activation_bytes`` are for one image, forward; ``field`` is None where every pixel is seen."""

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
    rows, field, whole = [], Field(), False
    for layer in leaves(root):
        problem = layer.problem
        whole = whole or layer.op == "linear" or getattr(problem, "kernel_size", None) == layer.in_shape[1:]
        field = after(field, problem)
        parameters = sum(prod(parameter.shape) for parameter in layer.parameters().values())
        size = 0 if layer.op is None else 4 * prod(layer.out_shape)
        macs = problem.macs if problem is not None else 0
        seen = None if whole else field
        shape, words = layer.out_shape, window(problem)
        rows.append(Row(layer.path, layer.kind, shape, words, parameters, macs, size, seen, layer.backend))
    return rows
