"""One thread's share of an engine: buffers of its own, every layer bound to them, a pack's whole work on one tape."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np

from nbcnn.engine import ordered_sum
from nbcnn.engine.call_list import CallList
from nbcnn.engine.fusion import fuse
from nbcnn.engine.network import Network, views
from nbcnn.engine.thread_pool import AbandonedError
from nbcnn.errors import KernelError
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.registry import Prepared, prepare
from nbcnn.lanes.block_sums import BLOCK
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.util.aligned import zeros

Mode = Literal["train", "eval", "predict"]
"""What is done for a pack: outputs alone, losses and predicted classes too, or gradients as well."""

SLEEP = 50e-6
"""Seconds between two looks for one's turn, where the thread whose turn it is can't be running."""


class BatchInputs(NamedTuple):
    """Where images come from: all of them (M, C, H, W), uint8 or float, ``scaling`` (2, C) of pixels, labels (M,).

    ``moves`` (M, 3): how each is shifted and flipped on its way (data/augment.py), or None.
    """

    images: np.ndarray
    scaling: np.ndarray
    labels: np.ndarray | None = None
    moves: np.ndarray | None = None


class Batch:
    """What all workers share of a batch.

    ``order`` (N,), the images to take, and the ``weight`` of each in the mean loss; the results ``outputs`` (N, F),
    ``losses`` and ``guesses`` (N,); ``total``, the sum of gradients, with ``done``, what of it is added at the end, and
    whose ``turn`` it is to add to it. The arrays stay from batch to batch, for workers are bound to them: N is the size
    of the largest that there was.
    """

    def __init__(self, size: int, features: int, total: np.ndarray) -> None:
        self.order, self.guesses, self.now_serving = (
            np.zeros(size, np.int64),
            np.zeros(size, np.int64),
            np.zeros(1, np.int64),
        )
        self.outputs, self.losses = np.zeros((size, features), total.dtype), np.zeros(size, total.dtype)
        self.weight, self.total = np.zeros(1, total.dtype), total
        self.done = np.zeros(total.size if size > BLOCK * LANES else 0, total.dtype)
        self.next_pack, self.packs, self.failed = np.zeros(1, np.int64), 0, False

    def begin(self, order: np.ndarray, weight: float) -> None:
        """The next batch: ``order`` is no longer than N."""
        self.order[: order.size] = order
        self.weight[0], self.now_serving[0], self.next_pack[0], self.failed = weight, 0, 0, False
        self.packs = -(-order.size // LANES)
        self._numbers = count()

    def take(self) -> int:
        """In Python, the next pack that nobody has taken; compiled code takes ``following``."""
        return next(self._numbers)

    def finish(self) -> None:
        """All packs have been added to the total: so are now the blocks before the last, if they were so many."""
        if self.packs > BLOCK:
            self.total += self.done

    def fail(self) -> None:
        """Some turns will never come, and there is nothing to take. The turn itself is left to who has it."""
        self.failed, self.next_pack[0], self._numbers = True, self.packs, count(self.packs)


class Worker:
    """One thread's buffers, with every layer bound to them: the BufferProvider of layers/base.py."""

    def __init__(self, network: Network, training: bool) -> None:
        self.dtype = network.dtype
        self._tensors, self._training = network.tensors, training
        self._gradient = np.zeros(network.parameters.size if training else 0, self.dtype)
        self._gradients = views(self._gradient, network.shapes) if training else {}
        self._scratch = zeros((_largest_workspace(network),), self.dtype)
        self._x = self.pack(network.in_shape)
        self._layers = list(network.layers())
        self._bound = network.root.bind(self, self._x, None, training)
        self._place, self._late = np.zeros(2, np.int64), np.zeros(1, np.int64)
        self._labels, self._guesses = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
        self._losses, self._scale = np.zeros(LANES, self.dtype), np.zeros(LANES, self.dtype)
        self._given: dict[str, tuple[Batch, BatchInputs]] = {}
        self._tapes: dict[str, Any] = {}

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        return zeros((*shape, LANES), self.dtype)

    def parameter(self, name: str) -> np.ndarray:
        return self._tensors[name]

    def gradient(self, name: str) -> np.ndarray:
        return self._gradients[name]

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        return prepare_layer(layer, problem)

    def scratch(self, floats: int) -> np.ndarray:
        return self._scratch

    def calls(self, mode: Mode, batch: Batch, task: BatchInputs, fused: bool = True) -> list[Call]:
        """All that is done for a pack: ``predict`` gives outputs, ``eval`` losses and guesses, ``train`` these and a
        gradient that is added to the total of all. Not ``fused``, each call is of one layer, to the same bits."""
        y, dy, place, scratch = self._bound.y, self._bound.dy, self._place, self._scratch
        pairs = self._layers if fused else []
        made = [*self._fetched(batch, task), *fuse(self._bound.forward, pairs, keep=mode == "train")]
        if mode == "predict":
            return [*made, Call("batch", "scatter", packs.scatter, (y.reshape(-1, LANES), place, batch.outputs))]
        loss, _ = prepare(LossProblem(y.shape[0], self.dtype.name))
        own = (self._losses, self._guesses)
        made += [
            Call("loss", "forward", loss.forward, (y, self._labels, *own, scratch)),
            Call("batch", "report", packs.report, (*own, place, batch.losses, batch.guesses)),
        ]
        if mode == "eval" or dy is None:
            return made
        made.append(Call("loss", "grad_input", loss.grad_input, (y, self._labels, self._scale, dy, scratch)))
        return [
            *made,
            *fuse(self._bound.backward, pairs, keep=True),
            Call("batch", "add", ordered_sum.add_in_turn, self._sum(batch)),
        ]

    def begin(self, mode: Mode, batch: Batch, task: BatchInputs, images: int) -> None:
        """Get ready for packs of a batch of so many images."""
        self._place[1], self._late[0] = images, 0
        known, given = self._given.pop(mode, (None, None))  # who is interrupted here leaves no half-changed tape
        if known is not batch:
            self._tapes[mode] = CallList(
                ((call.kernel, call.arrays) for call in self.calls(mode, batch, task)), pieces=True
            )
        elif given is not task:
            for number, call in enumerate(self._fetched(batch, task)):
                self._tapes[mode].replace(number, (call.kernel, call.arrays))
        self._given[mode] = batch, task

    def plays(self, mode: Mode, tape: Callable[[], None]) -> None:
        """Play another tape of what is mode, one with a clock (timed_replay.py), until the batch is another."""
        self._tapes[mode] = tape

    def tape(self, mode: Mode) -> tuple[Callable[[], None], list[Call]]:
        """What is played since the last ``begin``, and its calls."""
        return self._tapes[mode], self.calls(mode, *self._given[mode])

    def again(self, mode: Mode, other: Worker) -> tuple[Batch, list[Call], np.ndarray]:
        """What another worker did last, to be done here: the batch, the calls of a pack, each of one layer, and the
        place (2,) that they read: the number of the pack, and how many images there are."""
        batch, task = other._given[mode]
        self._place[1] = other._place[1]
        return batch, self.calls(mode, batch, task, fused=False), self._place

    def _fetched(self, batch: Batch, task: BatchInputs) -> list[Call]:
        """The calls that depend on the task, the first of all."""
        arrays = (task.images, batch.order, self._place, task.scaling)
        gather = Call("batch", "gather", packs.gather, (*arrays, self._x))
        if task.moves is not None:
            gather = Call("batch", "gather", packs.gather_moved, (*arrays, task.moves, self._x))
        if task.labels is None:
            return [gather]
        labels = (task.labels, batch.order, self._place, batch.weight, self._labels, self._scale)
        return [gather, Call("batch", "labels", packs.gather_labels, labels)]

    def _sum(self, batch: Batch) -> tuple[np.ndarray, ...]:
        return (batch.total, batch.done, self._gradient, self._place, batch.now_serving, self._late)

    def native(self, mode: Mode) -> bool:
        """Whether nothing of it is done in Python, where BLAS may be called."""
        native: bool = self._tapes[mode].native
        return native

    def run(self, mode: Mode) -> None:
        """Take packs while there are any, and do what is ``mode`` asks of each.

        Without Python between packs, where two threads that want its lock would wait for each other: that cost 7 % of a
        prediction's time. Raises AbandonedError where the turn to add will never come.
        """
        tape, (batch, _) = self._tapes[mode], self._given[mode]
        if tape.native:
            while not tape.play_pieces((self._place, self._late, batch.next_pack), batch.packs):
                self._wait(batch)
            return
        while (number := batch.take()) < batch.packs:
            self._place[0] = number
            tape()
            self._wait(batch)

    def _wait(self, batch: Batch) -> None:
        while self._late[0]:
            if batch.failed:
                raise AbandonedError
            time.sleep(SLEEP)
            ordered_sum.add_in_turn(*self._sum(batch))


def prepare_layer(layer: Layer, problem: Any) -> Prepared:
    """The kernels that a layer's backend has for its problem; a refusal names the layer and its place in the file."""
    try:
        return prepare(problem, layer.backend or "")
    except KernelError as error:
        raise KernelError(f"{layer.where}: {error}") from None


def _largest_workspace(network: Network) -> int:
    problems = [(layer, layer.problem) for layer in network.layers() if layer.op]
    return max((prepare_layer(layer, problem).workspace for layer, problem in problems), default=0)
