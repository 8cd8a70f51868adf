"""The arrays of one pack: 16 images, their activations, gradients and losses, and every layer bound to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.engine.batch import Batch, BatchInputs
from nbcnn.engine.network import Network, views
from nbcnn.engine.ordered_sum import add_in_turn
from nbcnn.errors import KernelError
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy._soft_targets import soft_gradient, soft_loss
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.registry import AUTO, Prepared, prepare
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.util.aligned import zeros


class PackBuffers:
    """A BufferProvider (layers/base.py) for packs (C, H, W, 16), and the kernel calls that a pack needs.

    ``forward`` and ``backward`` are the calls of the layers, in order; ``x`` is the input pack; ``flat_gradient``
    (P,) that of this pack alone; ``place`` (2,) the number of the pack and of the batch's images.
    """

    def __init__(self, network: Network, training: bool) -> None:
        self.dtype = network.dtype
        self._tensors = network.tensors
        self.flat_gradient = np.zeros(network.parameters.size if training else 0, self.dtype)
        self._gradients = views(self.flat_gradient, network.shapes) if training else {}
        self.work = zeros((_largest_workspace(network),), self.dtype)
        self.x = self.pack(network.in_shape)
        bound = network.root.bind(self, self.x, None, training)
        self.y, self._dy, self.forward, self.backward = bound.y, bound.dy, bound.forward, bound.backward
        self.place, self.late = np.zeros(2, np.int64), np.zeros(1, np.int64)
        self._labels, self._guesses = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
        self._losses, self._scale = np.zeros(LANES, self.dtype), np.zeros(LANES, self.dtype)

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        return zeros((*shape, LANES), self.dtype)

    def parameter(self, name: str) -> np.ndarray:
        return self._tensors[name]

    def gradient(self, name: str) -> np.ndarray:
        return self._gradients[name]

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        return prepare_layer(layer, problem)

    def scratch(self, floats: int) -> np.ndarray:
        return self.work

    def gather(self, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """Fill ``x`` with the pack's images, scaled, and take their labels."""
        arrays = (inputs.images, batch.order, self.place, inputs.scaling)
        gather = Call("batch", "gather", packs.gather, (*arrays, self.x))
        if inputs.moves is not None:
            gather = Call("batch", "gather", packs.gather_moved, (*arrays, inputs.moves, self.x))
        if inputs.labels is None:
            return [gather]
        labels = (inputs.labels, batch.order, self.place, batch.weight, self._labels, self._scale)
        return [gather, Call("batch", "labels", packs.gather_labels, labels)]

    def outputs(self, batch: Batch) -> list[Call]:
        """Write the last layer's output where the batch has it."""
        return [Call("batch", "scatter", packs.scatter, (self.y.reshape(-1, LANES), self.place, batch.outputs))]

    def loss(self, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """Losses and predicted classes, written where the batch has them."""
        own, soft = (self._losses, self._guesses), []
        if inputs.targets is not None:
            soft = [Call("loss", "forward", soft_loss, (self.y, self._labels, self._losses, inputs.targets.numbers))]
        return [
            Call("loss", "forward", self._loss.forward, (self.y, self._labels, *own, self.work)),
            *soft,
            Call("batch", "report", packs.report, (*own, self.place, batch.losses, batch.guesses)),
        ]

    def loss_gradient(self, inputs: BatchInputs) -> list[Call]:
        """The gradient of the mean loss with respect to the last layer's output."""
        assert self._dy is not None
        arrays = (self.y, self._labels, self._scale, self._dy)
        if inputs.targets is not None:
            return [Call("loss", "grad_input", soft_gradient, (*arrays, inputs.targets.numbers))]
        return [Call("loss", "grad_input", self._loss.grad_input, (*arrays, self.work))]

    def add_gradient(self, batch: Batch) -> list[Call]:
        """Add this pack's gradient to the batch's total, after those of all packs before it."""
        return [Call("batch", "add", add_in_turn, self.sum_arrays(batch))]

    def sum_arrays(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """The arrays of ``add_in_turn``."""
        return (batch.total, batch.done, self.flat_gradient, self.place, batch.now_serving, self.late)

    @property
    def _loss(self) -> Any:
        return prepare(LossProblem(self.y.shape[0], self.dtype.name)).kernels


def prepare_layer(layer: Layer, problem: Any) -> Prepared:
    """The kernels that a layer's backend has for its problem; a refusal names the layer and its place in the file."""
    if layer.backend == AUTO:
        raise KernelError(f"{layer.where}: backend auto is not resolved yet; call resolve_auto(network) first")
    try:
        return prepare(problem, layer.backend or "")
    except KernelError as error:
        raise KernelError(f"{layer.where}: {error}") from None


def _largest_workspace(network: Network) -> int:
    problems = [(layer, layer.problem) for layer in network.layers() if layer.op]
    return max((prepare_layer(layer, problem).workspace for layer, problem in problems), default=0)
