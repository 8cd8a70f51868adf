"""The receptive field of each layer with its arithmetic: size, jump, offset, and equation (25) with its numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nbcnn.engine.network import Network
from nbcnn.introspect.graph import IMAGE, Node, graph_of
from nbcnn.introspect.receptive_field import fields_of, reach_of
from nbcnn.introspect.windows import moves, sees_all
from nbcnn.layers import Layer
from nbcnn.util.formatting import window

Pair = tuple[float, float]


@dataclass(frozen=True)
class FieldRow:
    """The field of one layer's outputs, each a pair of rows and columns of the image.

    ``size``: how many one output depends on. ``jump``: how many pixels the fields of neighbours are apart. ``offset``:
    where the field of the first output begins; below 0 it begins in the padding. All None: the whole image.
    ``formula`` has the numbers of equation (25), or says why there are none.
    """

    path: str
    layer: str
    window: str
    size: Pair | None
    jump: Pair | None
    offset: Pair | None
    formula: str

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


def receptive_fields(network: Network) -> list[FieldRow]:
    """A row for each layer of a network and each join of its branches, in order."""
    return fields_in(network.root)


def fields_in(root: Layer) -> list[FieldRow]:
    """As ``receptive_fields``, of layers without numbers."""
    nodes = graph_of(root)
    fields, reach = fields_of(nodes, root.in_shape), reach_of(nodes, root.in_shape)
    rows = []
    for number, (node, field) in enumerate(zip(nodes, fields, strict=True)):
        if not node.last:
            continue
        layer = node.layer
        words = node.how or window(layer.problem)
        if field is None:
            rows.append(FieldRow(layer.path, layer.kind, words, None, None, None, "the whole image"))
            continue
        (top, _), (left, _) = reach(number, (0, 0))
        before = _before(nodes, fields, node)
        formula = _formula(node, before, field)
        rows.append(FieldRow(layer.path, layer.kind, words, field.size, field.jump, (top, left), formula))
    return rows


def _before(nodes: list[Node], fields: list[Any], node: Node) -> Any:
    (first, *_) = node.inputs
    return ((1, 1), (1, 1)) if first == IMAGE else fields[first]


def _formula(node: Node, before: Any, field: Any) -> str:
    """``14 = 6 + (5 - 1)·2; jump 2 = 2·1``, of rows, and of columns too where they differ."""
    if node.how:
        return "from the first pixel that a branch sees to the last"
    problem = node.layer.problem
    if sees_all(problem):
        return "every output sees all of what is left of the image"
    if not moves(problem):
        return "as before: each output looks at one place"
    if before is None or not hasattr(problem, "stride") or not hasattr(problem, "kernel_size"):
        return "by its own windows"
    dilation, told = getattr(problem, "dilation", (1, 1)), []
    for axis in (0, 1):
        size, jump = before[0][axis], before[1][axis]
        kernel, step, apart = problem.kernel_size[axis], problem.stride[axis], dilation[axis]
        made = size + (kernel - 1) * apart * jump
        if made != field.size[axis]:
            return "all outputs see the same pixels"
        times = f"·{apart}" if apart != 1 else ""
        told.append(f"{made:g} = {size:g} + ({kernel} - 1){times}·{jump:g}; jump {jump * step:g} = {jump:g}·{step}")
    return told[0] if told[0] == told[1] else f"rows: {told[0]}; columns: {told[1]}"
