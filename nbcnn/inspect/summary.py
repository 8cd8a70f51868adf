"""One row a layer: shapes, parameters, cost, what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from nbcnn.inspect.receptive_field import Field, after
from nbcnn.layers import Layer
from nbcnn.network import leaves


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
        rows.append(
            Row(layer.path, layer.kind, layer.out_shape, _window(layer), parameters, macs, size, seen, layer.backend)
        )
    return rows


def _window(layer: Layer) -> str:
    """A window as ``5×5 /2 +1 d2 g4 ceil``: size; then stride, padding, dilation, groups, rounding up where unusual.

    Padding is one number, rows×columns, or top,bottom,left,right.
    """
    problem = layer.problem
    if not hasattr(problem, "kernel_size"):
        return ""
    text = "×".join(str(k) for k in problem.kernel_size)
    if problem.stride != (1, 1):
        text += " /" + _pair(problem.stride)
    top, bottom, left, right = problem.padding
    if (top, left) != (bottom, right):
        text += " +" + ",".join(str(side) for side in problem.padding)
    elif (top, left) != (0, 0):
        text += " +" + _pair((top, left))
    if problem.dilation != (1, 1):
        text += " d" + _pair(problem.dilation)
    if getattr(problem, "groups", 1) != 1:
        text += f" g{problem.groups}"
    return text + " ceil" * getattr(problem, "ceil_mode", False)


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"
