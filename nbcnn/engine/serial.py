"""The serial executor: a network on a batch, pack by pack, layer by layer, one kernel call after the other.

Read this first. ``Engine`` (engine.py) makes the same calls on several threads without Python in between, and gives
the same bits; the tests hold it against this file. Slower than that (docs/reading-order.md says by how much), it is
what ``nbcnn train --executor serial`` trains with, and what looks for the call that made a NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from math import prod
from typing import ClassVar

import numpy as np

from nbcnn.engine.augmented_pack import AugmentedPackBuffers
from nbcnn.engine.batch import Batch, BatchInputs, BatchResult, LastBatch, Mode, scalings
from nbcnn.engine.common_memory import SharedArrays
from nbcnn.engine.loss_targets import loss_targets
from nbcnn.engine.memory_use import threads_that_fit
from nbcnn.engine.network import Network, unchanged
from nbcnn.engine.stages import in_turn, stages_of, with_sums
from nbcnn.kernels.contract import LANES
from nbcnn.layers.base import Call
from nbcnn.util.blas import one_blas_thread
from nbcnn.util.memory import no_memory_error


class SerialExecutor:
    """Runs a network in one thread. ``gradient`` (P,) is that of the last ``train_step``, as the optimizer wants it.

    Raises KernelError for a layer with ``backend: auto`` or a refused problem, ShapeError where memory is too small.
    """

    buffers: ClassVar[type[AugmentedPackBuffers]] = AugmentedPackBuffers

    def __init__(self, network: Network, training: bool = True) -> None:
        self.network, self.threads = network, 1
        self._shared, self._more = SharedArrays(), list[AugmentedPackBuffers]()
        threads_that_fit(network, training, 1, serial=True)
        with no_memory_error(f"the buffers of {network.config.name}", "use smaller images"):
            self.gradient = np.zeros(network.parameters.size if training else 0, network.dtype)
            self.pack = self.buffers(network, training, self._shared)
            self._inference = self.buffers(network, False, like=self.pack) if training else self.pack
        self._of_bytes, self._of_floats = scalings(network)
        self.targets = loss_targets(network) if training else None
        self.last: LastBatch | None = None

    def train_step(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        order: np.ndarray,
        augmentations: np.ndarray | None = None,
        step: int = 0,
    ) -> BatchResult:
        """Forward and backward over the images that ``order`` (N,) picks: ``gradient`` is that of their mean loss.

        The step of the optimizer comes next: ``optimizer.step(network.parameters, executor.gradient)``.
        """
        self.network.check_batch(order.size)
        inputs = BatchInputs(images, self._scaling(images), labels, augmentations, self.targets)
        return self._run("train", inputs, order, step).result(order.size)

    def evaluate(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray) -> BatchResult:
        """Losses and predicted classes of the images that ``order`` picks."""
        return self._run("eval", BatchInputs(images, self._scaling(images), labels), order).result(order.size)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The last layer's output (N, …) for images (N, C, H, W)."""
        inputs, order = BatchInputs(images, self._scaling(images)), np.arange(len(images))
        return self._run("predict", inputs, order).outputs.reshape(len(images), *self.network.out_shape)

    def _run(self, mode: Mode, inputs: BatchInputs, order: np.ndarray, step: int = 0) -> Batch:
        self.last, batch = LastBatch(mode, inputs, order, step), self.new_batch(order, inputs, step)
        for _ in self.steps(mode, inputs, batch):
            pass
        return batch

    def new_batch(self, order: np.ndarray, inputs: BatchInputs, step: int = 0) -> Batch:
        """The arrays of a batch of the images that ``order`` picks."""
        with no_memory_error(f"the outputs of {order.size:,} images", "use smaller batches, or give fewer at a time"):
            batch = Batch(order.size, prod(self.network.out_shape), self.gradient)
        batch.begin(order, inputs.weight(order))
        self.pack.place[1] = order.size
        self.pack.step[:] = step, self.network.config.train.seed  # what dropout depends on
        return batch

    def steps(self, mode: Mode, inputs: BatchInputs, batch: Batch) -> Iterator[Call]:
        """Make every call for every pack of 16 images, and give each one when it is made.

        A network has one stage, unless a layer such as batch norm needs the whole batch: then all packs go through what
        comes before it, then all go on, each in arrays of its own.
        """
        stages = [self.stages(mode, inputs, batch, pack) for pack in self._packs(mode, batch.packs)]
        with one_blas_thread():
            for stage in range(len(stages[0])):
                for number in range(batch.packs):
                    self.pack.place[0] = number
                    for call in stages[number % len(stages)][stage]:
                        call.kernel(*call.arrays)
                        yield call
        if mode == "train":
            batch.finish()
            for call in self.pack.after:
                call.kernel(*call.arrays)

    def stages(self, mode: Mode, inputs: BatchInputs, batch: Batch, pack: AugmentedPackBuffers) -> list[list[Call]]:
        """The calls of a pack in each stage, at whose end the pack's gradient is added, in the order of packs."""
        stages = stages_of([call for _, own in self.layers(mode, batch, inputs, pack) for call in own])
        if mode == "train":
            stages = with_sums(stages, pack.flat_gradient, batch.total, batch.done)
        made: list[list[Call]] = []
        turns = 0
        for stage in stages:
            calls, late = in_turn(stage, batch.turn, turns, pack.place)
            made.append(calls)
            turns += late.size
        return made

    def layers(
        self, mode: Mode, batch: Batch, inputs: BatchInputs, pack: AugmentedPackBuffers
    ) -> Iterator[tuple[str, list[Call]]]:
        """What a pack goes through, as the path of a layer and its calls: forward, loss, backward."""
        yield "batch", pack.gather(batch, inputs)  # 16 images, scaled: (C, H, W, 16)
        yield from by_layer(pack.forward)  # x -> y, from the first layer to the last
        if mode == "predict":
            yield "batch", pack.outputs(batch)
            return
        yield "loss", pack.loss(batch, inputs)
        if mode == "train":
            yield "loss", pack.loss_gradient(inputs)
            yield from by_layer(pack.backward)  # dy -> dw, db and dx, from the last layer to the first

    def _packs(self, mode: Mode, count: int) -> list[AugmentedPackBuffers]:
        """The buffers that ``count`` packs take: the same for all, or each its own where there are several stages."""
        if mode != "train":
            return [self._inference]
        if not any(call.ends_stage for call in (*self.pack.forward, *self.pack.backward)):
            return [self.pack]
        while len(self._more) < count - 1:
            with no_memory_error(f"the activations of {count * LANES} images", "use smaller batches"):
                self._more.append(self.buffers(self.network, True, self._shared, like=self.pack))
        return [self.pack, *self._more[: count - 1]]

    def expect_kernels(
        self, images: np.ndarray, labels: np.ndarray | None, augmentations: np.ndarray | None = None
    ) -> None:
        """Nothing is counted beforehand: a kernel is compiled at its first call."""

    def warm_up(self, images: np.ndarray, labels: np.ndarray, augmentations: np.ndarray | None = None) -> None:
        """Run one pack, so that all kernels are compiled; the gradient stays what it was."""
        with unchanged(self.network, self.gradient):
            self.train_step(images, labels, np.arange(min(LANES, len(images))), augmentations)

    def close(self) -> None:
        """There are no threads to end."""

    def _scaling(self, images: np.ndarray) -> np.ndarray:
        return self._of_bytes if images.dtype == np.uint8 else self._of_floats


def by_layer(calls: list[Call]) -> Iterator[tuple[str, list[Call]]]:
    """Calls that follow each other in the same layer, with its path."""
    return ((path, list(own)) for path, own in groupby(calls, key=lambda call: call.layer))
