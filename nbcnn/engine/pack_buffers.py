"""The arrays of one pack: 16 images, their activations, gradients and losses, and every layer bound to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.engine.batch import Batch, BatchInputs, Mode
from nbcnn.engine.common_memory import SharedArrays
from nbcnn.engine.network import Network, views
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

    ``forward`` and ``backward`` are the calls of the layers, in order, ``after`` those of a whole step; ``x`` is the
    input pack; ``flat_gradient`` (P,) that of this pack alone; ``place`` (2,) the number of the pack and of the batch's
    images; ``layer_outputs`` each output and its gradient, by path. ``blocks`` are all arrays that hold something of
    a pack, each memory of its own, which a plan may replace (memory_plan.py). ``shared`` are arrays of all workers,
    ``like`` other buffers of this one.
    """

    evaluating = False
    """Of a subclass: gradients are those of evaluation, and that of the input is one of them."""

    def __init__(
        self, network: Network, training: bool, shared: SharedArrays | None = None, like: PackBuffers | None = None
    ) -> None:
        self.dtype = network.dtype
        self._tensors = network.tensors
        self.flat_gradient = np.zeros(network.parameters.size if training else 0, self.dtype)
        self._gradients = views(self.flat_gradient, network.shapes) if training else {}
        self.work: np.ndarray = like.work if like else zeros((_largest_workspace(network),), self.dtype)
        self.place: np.ndarray = like.place if like else np.zeros(2, np.int64)
        self.step: np.ndarray = like.step if like else np.zeros(2, np.int64)
        self.blocks: list[np.ndarray] = []
        self._shared = shared or SharedArrays()
        self.shared_arrays: list[np.ndarray] = []
        self._numbers: np.ndarray | None = None
        self.x = self.pack(network.in_shape)
        self.dx = self.pack(network.in_shape) if training and self.evaluating else None
        bound = network.root.bind(self, self.x, self.dx, training)
        self.layer_outputs = bound.outputs
        self.y, self.dy, self.forward, self.backward = bound.y, bound.dy, bound.forward, bound.backward
        self.after = bound.after
        self._labels, self._guesses = self._lanes(np.dtype(np.int64)), self._lanes(np.dtype(np.int64))
        self._losses, self._scale = self._lanes(self.dtype), self._lanes(self.dtype)

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._block((*shape, LANES), self.dtype)

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._block(shape, self.dtype)

    def _lanes(self, dtype: np.dtype[Any]) -> np.ndarray:
        return self._block((LANES,), dtype)

    def _block(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        self.blocks.append(zeros(shape, dtype))
        return self.blocks[-1]

    def image_numbers(self) -> np.ndarray:
        if self._numbers is None:
            self._numbers = self._lanes(np.dtype(np.int64))
        return self._numbers

    def shared(self, shape: tuple[int, ...]) -> np.ndarray:
        self.shared_arrays.append(self._shared.get(len(self.shared_arrays), shape, self.dtype))
        return self.shared_arrays[-1]

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
        if inputs.augmentations is not None:
            gather = Call("batch", "gather", packs.gather_moved, (*arrays, inputs.augmentations, self.x))
        calls = [gather, *self.gather_numbers(batch)]
        if inputs.labels is None:
            return calls
        labels = (inputs.labels, batch.order, self.place, batch.weight, self._labels, self._scale)
        return [*calls, Call("batch", "labels", packs.gather_labels, labels)]

    def gather_numbers(self, batch: Batch) -> list[Call]:
        """Take the images' numbers, where a layer such as dropout asked for them."""
        if self._numbers is None:
            return []
        return [Call("batch", "numbers", packs.gather_numbers, (batch.order, self.place, self._numbers))]

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
        assert self.dy is not None
        arrays = (self.y, self._labels, self._scale, self.dy)
        if inputs.targets is not None:
            return [Call("loss", "grad_input", soft_gradient, (*arrays, inputs.targets.numbers))]
        return [Call("loss", "grad_input", self._loss.grad_input, (*arrays, self.work))]

    def calls(self, mode: Mode, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """All kernel calls for a pack, in order, but those that add its gradient to the batch's (stages.py)."""
        made = [*self.gather(batch, inputs), *self.forward]
        if mode == "predict":
            return [*made, *self.outputs(batch)]
        made += self.loss(batch, inputs)
        return [*made, *self.loss_gradient(inputs), *self.backward] if mode == "train" else made

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
