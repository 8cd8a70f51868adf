"""The summary of a network: one row per layer with shapes, parameters, cost, receptive field."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from nbcnn.introspect.graph import IMAGE, Node, computed_by, graph_of
from nbcnn.introspect.receptive_field import Field, fields_of
from nbcnn.layers import Layer
from nbcnn.util.formatting import window


@dataclass(frozen=True)
class Row:
    """One layer, or where a composite layer joins its branches: ``window`` then says how, ``add`` or ``concat``.

    ``macs`` and ``activation_bytes`` are for one image, forward; ``field`` is None: the whole image.
    """

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
    """The rows of a network's layers, composite layers taken apart, and of the places where branches are joined.

    Parameters and MACs are those of the layers inside; a join has a row of its own after them, with the memory that
    it fills: the sum or product, and of what is concatenated the input that a branch hands on, for the others write
    there themselves.
    """
    nodes = graph_of(root)
    rows = []
    for node, field in zip(nodes, fields_of(nodes, root.in_shape), strict=True):
        layer, problem = node.layer, None if node.how else node.layer.problem
        if not node.last:
            continue
        parameters = sum(prod(parameter.shape) for parameter in layer.parameters().values())
        size = _joined_bytes(nodes, node) if node.how else 0 if layer.op is None else 4 * prod(layer.out_shape)
        macs = problem.macs if problem is not None else 0
        shape, words = layer.out_shape, node.how or window(problem)
        rows.append(Row(layer.path, layer.kind, shape, words, parameters, macs, size, field, layer.backend))
    return rows


def _joined_bytes(nodes: list[Node], node: Node) -> int:
    """What a join writes for one image."""
    if node.how != "concat":
        return 4 * prod(node.layer.out_shape)
    own = computed_by(nodes, node.reads)
    handed_on = [each for each in node.inputs if computed_by(nodes, each) == own]
    return 4 * sum(prod(node.layer.in_shape if each == IMAGE else nodes[each].layer.out_shape) for each in handed_on)
