"""What rules read of a network: the nodes of its graph, who reads whom, shapes, counts, and the data's facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from math import prod
from typing import Any

from nbcnn.config import Config
from nbcnn.engine.network import layers_of
from nbcnn.introspect.check.data_facts import DataFacts
from nbcnn.introspect.graph import IMAGE, Node, graph_of
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.layers import Layer

NORMS = ("batch_norm", "group_norm", "layer_norm")
_LINEAR = ("avg_pool2d", "adaptive_avg_pool2d", "zero_pad2d", "reflect_pad2d", "upsample", "blur_pool", *NORMS)
_NOTHING = ("flatten", "identity")


class Architecture:
    """A network as a graph of numbered nodes, in order; IMAGE is the number of the image.

    Composite layers are taken apart: a node is a layer that is not made of others, or a join of branches (``how``).
    Raises ShapeError where layers do not fit.
    """

    def __init__(self, config: Config, data: DataFacts | None = None) -> None:
        self.config, self.data = config, data
        self.root = layers_of(config)
        self.nodes: list[Node] = graph_of(self.root)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.nodes)))

    @property
    def last(self) -> int:
        """The node whose output is the network's."""
        return len(self.nodes) - 1

    @property
    def scores(self) -> int:
        """How many numbers the network gives for an image."""
        return prod(self.root.out_shape)

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The nodes that read a node's output, by its number; IMAGE has some too."""
        found: dict[int, list[int]] = {number: [] for number in (IMAGE, *self)}
        for number, node in enumerate(self.nodes):
            for each in dict.fromkeys(node.inputs):
                found[each].append(number)
        return found

    def layer(self, number: int) -> Layer:
        """The layer of a node, the composite one of a join."""
        return self.nodes[number].layer

    def op(self, number: int) -> str | None:
        """``conv2d``, ``max_pool2d``, …; None for the image, for joins and for layers without arithmetic."""
        return None if number == IMAGE or self.nodes[number].how else self.layer(number).op

    def kind(self, number: int) -> str:
        """The YAML name of a layer; ``add``, ``concat`` or ``multiply`` for a join, ``image``."""
        return "image" if number == IMAGE else self.nodes[number].how or self.layer(number).kind

    def problem(self, number: int) -> Any:
        """The layer's problem: its numbers and shapes; None where there is no arithmetic."""
        return None if self.op(number) is None else self.layer(number).problem

    def shape(self, number: int) -> tuple[int, ...]:
        """The output shape for one image, (C, H, W) or (F,)."""
        return self.root.in_shape if number == IMAGE else self.layer(number).out_shape

    def size(self, number: int) -> tuple[int, int]:
        """Rows and columns of a node's output; 1×1 for a vector."""
        shape = self.shape(number)
        return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)

    def input(self, number: int) -> int:
        """The node that a layer reads."""
        return self.nodes[number].inputs[0]

    def parameters(self, number: int) -> int:
        """How many numbers a layer learns."""
        return 0 if self.nodes[number].how else sum(prod(p.shape) for p in self.layer(number).parameters().values())

    @cached_property
    def total_parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(self.parameters(number) for number in self)

    def all_of(self, *ops: str) -> list[int]:
        """The nodes that are computed by these ops, in order."""
        return [number for number in self if self.op(number) in ops]

    def is_activation(self, number: int) -> bool:
        """Whether a layer is a function of each number by itself: relu, sigmoid, a plugin's."""
        return isinstance(self.problem(number), ElementwiseProblem)

    def is_norm(self, number: int) -> bool:
        """Whether a layer normalises."""
        return self.op(number) in NORMS

    def is_weighted(self, number: int) -> bool:
        """Whether a layer is conv2d or linear."""
        return self.op(number) in ("conv2d", "linear")

    def is_linear(self, number: int) -> bool:
        """Whether a layer without weights is (up to a constant) a linear function of its input, or hands it on."""
        return self.op(number) in _LINEAR or self.kind(number) in (*_NOTHING, "dropout")

    def hands_on(self, number: int) -> bool:
        """Whether a layer gives the numbers that it gets, as flatten does."""
        return number != IMAGE and self.kind(number) in _NOTHING

    def back(self, number: int, through: Callable[[int], bool]) -> int:
        """The first node, from one back through layers for which ``through`` holds, for which it does not."""
        while number != IMAGE and not self.nodes[number].how and through(number):
            number = self.input(number)
        return number

    def is_global(self, number: int) -> bool:
        """Whether a layer pools each channel, of more than one pixel, to one number by a window of all of it."""
        problem = self.problem(number)
        if self.op(number) == "adaptive_avg_pool2d":
            return self.size(number) == (1, 1) != self.size(self.input(number))
        return self.op(number) in ("max_pool2d", "avg_pool2d") and problem.kernel_size == problem.x_shape[1:] != (1, 1)

    def windows(self) -> list[int]:
        """Layers with a window that goes over the image, conv2d and pooling, without those that pool all of it."""
        return [n for n in self.all_of("conv2d", "max_pool2d", "avg_pool2d") if not self.is_global(n)]

    def span(self, number: int, axis: int) -> int:
        """Rows (axis 0) or columns (1) from the first to the last that a window looks at."""
        problem = self.problem(number)
        return int(getattr(problem, "dilation", (1, 1))[axis] * (problem.kernel_size[axis] - 1) + 1)

    def shortest(self, cost: Callable[[int], float], resets: Callable[[int], bool] = lambda n: False) -> list[float]:
        """For each node the least sum of costs over the paths from the image to it; after a reset it is 0."""
        sums: list[float] = []
        for number, node in enumerate(self.nodes):
            least = min(sums[each] if each != IMAGE else 0 for each in node.inputs)
            sums.append(0 if resets(number) else least + cost(number))
        return sums
