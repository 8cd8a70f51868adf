"""A network as a graph: layers in order, branches taken apart, each with the numbers of the nodes that it reads."""

from __future__ import annotations

from typing import NamedTuple

from nbcnn.layers import Layer
from nbcnn.layers.branches import Branches
from nbcnn.layers.dense import Dense

IMAGE = -1
"""The number of the input image."""


class Node(NamedTuple):
    """A layer that is not made of others, or where a composite layer joins the outputs of those inside it.

    ``inputs`` are numbers of nodes before it. Of a join, ``how`` is ``add``, ``concat`` or ``multiply``, and ``reads``
    the node that the composite layer reads; ``last``: this is its output, and not what a layer inside ``dense`` reads.
    """

    layer: Layer
    inputs: tuple[int, ...]
    how: str = ""
    reads: int = IMAGE
    last: bool = True


def graph_of(root: Layer) -> list[Node]:
    """The nodes of a network; each reads only nodes before it, and the last one is the network's output."""
    nodes: list[Node] = []

    def added(node: Node) -> int:
        nodes.append(node)
        return len(nodes) - 1

    def visit(layer: Layer, x: int) -> int:
        if not layer.children:
            return added(Node(layer, (x,)))
        if isinstance(layer, Branches):
            how = getattr(layer.config, "merge", "add")
            return added(Node(layer, tuple(visit(branch, x) for branch in layer.children), how, x))
        if isinstance(layer, Dense):
            parts, seen = [x], x
            for number, child in enumerate(layer.children, 1):
                parts.append(visit(child, seen))
                seen = added(Node(layer, tuple(parts), "concat", x, number == len(layer.children)))
            return seen
        for child in layer.children:
            x = visit(child, x)
        return x

    visit(root, IMAGE)
    return nodes


def computed_by(nodes: list[Node], number: int) -> int:
    """The node whose numbers a node's output are: layers without arithmetic, as flatten is, hand them on."""
    while number != IMAGE and not nodes[number].how and nodes[number].layer.op is None:
        (number,) = nodes[number].inputs
    return number
