"""The multithreaded executor of a network: packs divided among threads, gradients summed in a fixed order.

A batch is cut into packs of 16 images. A worker (worker.py) takes the next pack, runs it forward and backward in
buffers of its own, and adds its gradient to the total when all packs before it have done so. So the total is the same
sum, in the same order, for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from nbcnn.compiler.jit import is_kernel
from nbcnn.engine import ordered_sum, single_image, stand_by
from nbcnn.engine.batch import Batch, BatchInputs, BatchResult, LastBatch, Mode, scalings
from nbcnn.engine.call_list import CallList, expect_calls
from nbcnn.engine.common_memory import Rows, SharedArrays
from nbcnn.engine.helpers import Helpers
from nbcnn.engine.loss_targets import loss_targets
from nbcnn.engine.memory_use import threads_that_fit
from nbcnn.engine.network import Network, unchanged
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.engine.worker import Worker
from nbcnn.kernels.contract import LANES
from nbcnn.util.blas import one_blas_thread
from nbcnn.util.cpu_quota import available_threads
from nbcnn.util.memory import no_memory_error


class Engine:
    """One network's threads and their buffers. ``training=False`` leaves out everything that gradients need.

    Every layer must have its backend by now: ``auto`` is resolved before (autotune/auto.py), else KernelError.
    """

    def __init__(self, network: Network, training: bool = True, threads: int | None = None) -> None:
        self.network = network
        threads = threads_that_fit(network, training, threads)
        # Where each thread has a processor, a helper waits for the next batch awake: to wake it up took 50 µs and more.
        self._helpers = Helpers(threads - 1)
        self.thread_pool = ThreadPool(threads, self._helpers if threads <= available_threads() else None)
        with no_memory_error(f"the buffers of {network.config.name}", "use smaller images, or fewer threads"):
            shared, rows = SharedArrays(), Rows()
            self.workers = [Worker(network, training, shared, rows) for _ in range(self.thread_pool.size)]
        self.gradient = np.zeros(network.parameters.size if training else 0, network.dtype)
        self._of_bytes, self._of_floats = scalings(network)
        # One for training and one for the others: arrays that cross stages have a row for each pack of the training's
        # largest batch, and evaluation takes thousands of images at once.
        self._batches = {training: self._new_batch(LANES) for training in (True, False)}
        self._inputs = self._predicted = BatchInputs(self._of_floats, self._of_floats)
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
        """Forward and backward over those of images (M, C, H, W) that ``order`` (N,) picks.

        ``augmentations`` says how each is augmented (batch.py), ``step`` is the number of the training step, which
        dropout depends on.
        Afterwards ``gradient`` is that of their mean loss. Raises ShapeError for fewer images than a layer needs.
        """
        self.network.check_batch(order.size)
        inputs = self._labelled(images, labels, augmentations, self.targets)
        for worker in self.workers:
            worker.buffers.step[:] = step, self.network.config.train.seed
        return self._run("train", inputs, order, inputs.weight(order), step)

    def evaluate(self, images: np.ndarray, labels: np.ndarray, order: np.ndarray) -> BatchResult:
        """Losses and predicted classes of the images that ``order`` picks."""
        return self._run("eval", self._labelled(images, labels), order)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The last layer's output (N, …) for images (N, C, H, W).

        Bytes are scaled as in training, floats taken as they are. Few images go one by one, to the same bits.
        """
        with self.thread_pool.lock:  # threads may call one network at once
            if 0 < len(images) < single_image.MOST_SINGLE_IMAGES and self._single is not None:
                return self._single.predict(images, self._scaling(images))
            self._run("predict", self._to_predict(images), np.arange(len(images)))
            return self._batch("predict").outputs[: len(images)].copy().reshape(len(images), *self.network.out_shape)

    def _to_predict(self, images: np.ndarray) -> BatchInputs:
        """The same one for images in the same place as the last: to bind calls to others takes 10 µs for each thread.

        A view: whoever changes the shape of an array in place changes none that calls are bound to.
        """
        last = self._predicted.images
        if (last.dtype, last.__array_interface__) != (images.dtype, images.__array_interface__):
            self._predicted = BatchInputs(images[:], self._scaling(images))
        return self._predicted

    @cached_property
    def _single(self) -> single_image.SingleImageExecutor | None:
        """The way of one image through the network, where all its layers have one."""
        try:
            return single_image.SingleImageExecutor(self.network) if single_image.can_go_alone(self.network) else None
        except MemoryError:  # its layout of wide windows may be larger than a pack
            return None

    def warm_up(self, images: np.ndarray, labels: np.ndarray, augmentations: np.ndarray | None = None) -> None:
        """Run one pack on every worker in this thread, so that all kernels are compiled; no parameter is changed."""
        order = np.arange(min(LANES, len(images)))
        with unchanged(self.network, self.gradient):
            self._begin("train", self._labelled(images, labels, augmentations, self.targets), order)
            with one_blas_thread():
                for worker in self.workers:
                    self._batch("train").begin(order, 0)
                    worker.run("train")
            self._after()
            for function, arguments in self._waiting(self.workers[0].calls_alone("train") is not None):
                function(*arguments)

    def expect_kernels(
        self, images: np.ndarray, labels: np.ndarray | None, augmentations: np.ndarray | None = None
    ) -> None:
        """Have the kernels counted that training (without labels: prediction) on such images has yet to compile."""
        inputs = BatchInputs(images, self._scaling(images), labels)
        for mode in ("train", "predict") if labels is not None else ("predict",):
            own = inputs._replace(augmentations=augmentations, targets=self.targets) if mode == "train" else inputs
            calls = self.workers[0].calls(mode, self._batch(mode), own)
            alone = all(is_kernel(call.kernel) for call in calls) and not any(call.ends_stage for call in calls[:-1])
            if mode == "train":
                calls += self.workers[0].buffers.after
            expect_calls([*((call.kernel, call.arrays) for call in calls), *self._waiting(alone)], pieces=True)

    def _waiting(self, alone: bool) -> list[tuple[Callable[..., None], tuple[Any, ...]]]:
        """How threads wait for one another: calls that not every batch makes, and Python where it does.

        ``alone``: helpers play batches without Python.
        """
        number, lines = np.zeros(1, np.int64), np.zeros((1, stand_by.LINE), np.int64)
        return [
            *([] if alone else [(stand_by.wait_for_batch, (number, 0, 0, lines[0], 0))]),
            (stand_by.wait_for_rest, (lines, 0, 0)),
            (stand_by.call_wanted, (lines, 0)),
            (ordered_sum.mark_finished, (number, 0)),
        ]

    @property
    def threads(self) -> int:
        """How many threads share the packs of a batch."""
        return self.thread_pool.size

    def close(self) -> None:
        """End the threads."""
        self.thread_pool.close()

    def _run(self, mode: Mode, inputs: BatchInputs, order: np.ndarray, weight: float = 0, step: int = 0) -> BatchResult:
        self.last = LastBatch(mode, inputs, order, step)
        batch = self._begin(mode, inputs, order, weight)
        workers = min(self.thread_pool.size, batch.packs)
        self.thread_pool.run(workers, lambda worker: self._share(worker, mode), batch.fail, packs=batch.packs)
        if mode == "train":
            batch.finish()
            self._after()
        return batch.result(order.size)

    @cached_property
    def _after(self) -> CallList:
        """What is done once for a step, when all packs are through: running statistics."""
        return CallList([(call.kernel, call.arrays) for call in self.workers[0].buffers.after])

    def _share(self, worker: int, mode: Mode) -> None:
        """A worker's packs, in its own thread."""
        with nullcontext() if self.workers[worker].native(mode) else one_blas_thread():
            self.workers[worker].run(mode)

    def _batch(self, mode: Mode) -> Batch:
        return self._batches[mode == "train"]

    def _begin(self, mode: Mode, inputs: BatchInputs, order: np.ndarray, weight: float = 0) -> Batch:
        self.thread_pool.settle()
        if order.size > self._batch(mode).order.size:
            self._batches[mode == "train"] = self._new_batch(order.size)
        batch = self._batch(mode)
        batch.begin(order, weight)
        for worker in self.workers:
            worker.begin(mode, batch, inputs, order.size)
        self._helpers.begin(mode, batch, self.workers[1:])
        return batch

    def _new_batch(self, size: int) -> Batch:
        with no_memory_error(f"the outputs of {size:,} images", "use smaller batches, or give fewer at a time"):
            return Batch(size, prod(self.network.out_shape), self.gradient)

    def _labelled(self, images: np.ndarray, labels: np.ndarray, *more: Any) -> BatchInputs:
        """The same one for the same arrays, augmentations and targets: workers stay as they are."""
        made, last = BatchInputs(images, self._scaling(images), labels, *more), self._inputs
        others = [one for one, other in zip(made, last, strict=True) if one is not other]
        if others:  # any(…) makes a generator, which an interrupt may end
            self._inputs = made
        return self._inputs

    def _scaling(self, images: np.ndarray) -> np.ndarray:
        return self._of_bytes if images.dtype == np.uint8 else self._of_floats
