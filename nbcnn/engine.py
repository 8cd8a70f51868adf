"""Runs a network over packs on threads; owns every buffer and the order of every sum.

A batch is cut into packs of 16 images. A worker takes the next pack, runs it forward and backward in buffers of its
own, and adds its gradient to the total when all packs before it have done so. So the total is the same sum, in the
same order, for any number of threads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from nbcnn.auto import settle
from nbcnn.blas import one_blas_thread
from nbcnn.buffers import zeros
from nbcnn.crew import Crew, Turns, available_threads
from nbcnn.errors import KernelError
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES, LossProblem
from nbcnn.kernels.registry import Prepared, prepare
from nbcnn.kernels.tape import Tape
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.network import Network, views


class Outcome(NamedTuple):
    """Of the images asked for, in their order: losses (N,) and guessed classes (N,)."""

    losses: np.ndarray
    guesses: np.ndarray


class Engine:
    """One network's buffers and threads. ``training=False`` leaves out everything that gradients need.

    Layers with ``backend: auto`` get their backends here (auto.py), for what is known now: training, threads.
    """

    def __init__(self, network: Network, training: bool = True, threads: int | None = None) -> None:
        self.network = network
        threads = threads or available_threads()
        self.choices = settle(network, training, threads)
        self.crew = Crew(threads)
        self.workers = [Worker(network, training) for _ in range(self.crew.size)]
        self.gradient = np.zeros(network.parameters.size if training else 0, network.dtype)
        data = network.config.data
        mean, std = (np.broadcast_to(np.array(v), network.in_shape[0]) for v in (data.mean, data.std))
        self._byte_scaling = np.stack([1 / (255 * std), -mean / std]).astype(network.dtype)
        self._no_scaling = np.stack([np.ones_like(std), np.zeros_like(std)]).astype(network.dtype)

    def train_step(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray) -> Outcome:
        """Forward and backward over those of images (M, C, H, W) that ``order`` (N,) picks.

        Afterwards ``gradient`` is that of their mean loss.
        """
        outcome = _empty_outcome(order.size, self.network.dtype)
        self.gradient[:] = 0
        scaling, weight = self._scaling(images), self.network.dtype.type(1 / order.size)

        def piece(index: int, number: int, turns: Turns) -> None:
            worker = self.workers[index]
            worker.fill(images, labels, order, number * LANES, scaling, weight)
            worker.train()
            worker.report(outcome, number * LANES)
            with turns.turn(number):
                packs.add(self.gradient, worker.gradient_flat)

        self._share(order.size, piece)
        return outcome

    def evaluate(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray) -> Outcome:
        """Losses and guesses of the images that ``order`` picks."""
        outcome = _empty_outcome(order.size, self.network.dtype)
        scaling = self._scaling(images)

        def piece(index: int, number: int, turns: Turns) -> None:
            worker = self.workers[index]
            worker.fill(images, labels, order, number * LANES, scaling, self.network.dtype.type(0))
            worker.score()
            worker.report(outcome, number * LANES)

        self._share(order.size, piece)
        return outcome

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The last layer's output (N, …) for images (N, C, H, W).

        Bytes are scaled as in training, floats taken as they are.
        """
        out = np.empty((len(images), int(np.prod(self.network.out_shape))), self.network.dtype)
        order, scaling = np.arange(len(images)), self._scaling(images)

        def piece(index: int, number: int, turns: Turns) -> None:
            worker = self.workers[index]
            packs.gather(images, order, number * LANES, scaling, worker.x)
            worker.forward()
            packs.scatter(worker.y.reshape(-1, LANES), number * LANES, out)

        self._share(len(images), piece)
        return out.reshape(len(images), *self.network.out_shape)

    def warm(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Run one pack on every worker in this thread, so that all kernels are compiled; no parameter is changed."""
        order, scaling = np.arange(min(LANES, len(images))), self._scaling(images)
        with one_blas_thread():
            for worker in self.workers:
                worker.fill(images, labels, order, 0, scaling, self.network.dtype.type(0))
                worker.train()
        packs.add(self.gradient, np.zeros_like(self.gradient))

    def close(self) -> None:
        """End the threads."""
        self.crew.close()

    def _share(self, images: int, piece: Any) -> None:
        with one_blas_thread():
            self.crew.run(-(-images // LANES), piece)

    def _scaling(self, images: np.ndarray) -> np.ndarray:
        return self._byte_scaling if images.dtype == np.uint8 else self._no_scaling


class Worker:
    """One thread's buffers, with every layer bound to them: the Room of layers/base.py."""

    def __init__(self, network: Network, training: bool) -> None:
        self.dtype = network.dtype
        self._tensors = network.tensors
        self.gradient_flat = np.zeros(network.parameters.size if training else 0, self.dtype)
        self._gradients = views(self.gradient_flat, network.shapes) if training else {}
        self._work = zeros((_largest_workspace(network),), self.dtype)
        self.x = self.pack(network.in_shape)
        bound = network.root.bind(self, self.x, None, training)
        self.y = bound.y
        self._labels, self._guesses = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
        self._losses, self._scale = np.zeros(LANES, self.dtype), np.zeros(LANES, self.dtype)
        self._forward = self._score = self._train = bound.forward
        if len(network.out_shape) == 1:
            kernels, _ = prepare(LossProblem(network.out_shape[0], self.dtype.name))
            arrays = (self.y, self._labels, self._losses, self._guesses, self._work)
            self._score = [*bound.forward, Call("loss", "forward", kernels.forward, arrays)]
            if training and bound.dy is not None:
                arrays = (self.y, self._labels, self._scale, bound.dy, self._work)
                gradient = Call("loss", "grad_input", kernels.grad_input, arrays)
                self._train = [*self._score, gradient, *bound.backward]

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        return zeros((*shape, LANES), self.dtype)

    def parameter(self, name: str) -> np.ndarray:
        return self._tensors[name]

    def gradient(self, name: str) -> np.ndarray:
        return self._gradients[name]

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        return prepare_layer(layer, problem)

    def work(self, floats: int) -> np.ndarray:
        return self._work

    def fill(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        order: np.ndarray,
        first: int,
        scaling: np.ndarray,
        weight: Any,
    ) -> None:
        """Take images order[first : first + 16] into the input pack; lanes without an image are blank, of weight 0."""
        packs.gather(images, order, first, scaling, self.x)
        packs.gather_labels(labels, order, first, weight, self._labels, self._scale)

    @cached_property
    def forward(self) -> Tape:
        """The layers' forward calls."""
        return _tape(self._forward)

    @cached_property
    def score(self) -> Tape:
        """Forward, then losses and guesses."""
        return _tape(self._score)

    @cached_property
    def train(self) -> Tape:
        """Forward, losses and guesses, backward: fills the gradient."""
        return _tape(self._train)

    def report(self, outcome: Outcome, first: int) -> None:
        """Write this pack's losses and guesses to their places."""
        count = min(LANES, outcome.losses.size - first)
        outcome.losses[first : first + count] = self._losses[:count]
        outcome.guesses[first : first + count] = self._guesses[:count]


def prepare_layer(layer: Layer, problem: Any) -> Prepared:
    """The kernels that a layer's backend has for its problem; a refusal names the layer and its place in the file."""
    try:
        return prepare(problem, layer.backend or "")
    except KernelError as error:
        raise KernelError(f"{layer.where}: {error}") from None


def _largest_workspace(network: Network) -> int:
    problems = [(layer, layer.problem) for layer in network.layers() if layer.op]
    return max((prepare_layer(layer, problem).workspace for layer, problem in problems), default=0)


def _tape(calls: list[Call]) -> Tape:
    return Tape([(call.kernel, call.arrays) for call in calls])


def _empty_outcome(count: int, dtype: np.dtype[Any]) -> Outcome:
    return Outcome(np.empty(count, dtype), np.empty(count, np.int64))
