"""The PackBuffers of both executors: images also warped, erased or mixed (MixUp) where a training asks for it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nbcnn.engine.batch import Batch, BatchInputs
from nbcnn.engine.pack_buffers import PackBuffers
from nbcnn.kernels import augmented_packs, packs
from nbcnn.kernels.augmented_packs import SHARE
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy._soft_targets import soft_gradient, soft_loss
from nbcnn.layers.base import Call


def augmented(inputs: BatchInputs) -> bool:
    """Whether rows of float64 (data/augment_rows.py) augment the images, not whole numbers (data/augment.py)."""
    return inputs.augmentations is not None and inputs.augmentations.dtype.kind == "f"


def mixed(inputs: BatchInputs) -> bool:
    """Whether each image is two, with the labels of both."""
    return inputs.augmentations is not None and inputs.augmentations.shape[1] > SHARE


class AugmentedPackBuffers(PackBuffers):
    """PackBuffers that also take ``augmentations`` of float64; what few trainings need is made when it is needed."""

    @cached_property
    def _drawn(self) -> np.ndarray:
        """The numbers of the pack's images, and how many there are."""
        return np.zeros(LANES + 1, np.int64)

    @cached_property
    def _planes(self) -> np.ndarray:
        """Scratch of the kernel that augments."""
        channels, height, width = self.x.shape[:3]
        return np.zeros((2 * channels + 1, height + 2, width + 2), self.dtype)

    @cached_property
    def _both_labels(self) -> np.ndarray:
        """The labels of the images, and of those that they are mixed with."""
        return self._block((2, LANES), np.dtype(np.int64))

    @cached_property
    def _weights(self) -> np.ndarray:
        """Both labels' weights in the mean loss, and the images' own shares."""
        return self._block((3, LANES), self.dtype)

    @cached_property
    def _other_losses(self) -> np.ndarray:
        return self._lanes(self.dtype)

    @cached_property
    def _other_dy(self) -> np.ndarray:
        return self._block(self.y.shape, self.dtype)

    def gather(self, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """Fill ``x`` with the pack's images, augmented and scaled, and take their labels."""
        if inputs.augmentations is None or not augmented(inputs):
            return super().gather(batch, inputs)
        arrays = (inputs.images, self._drawn, inputs.scaling, inputs.augmentations, self._planes, self.x)
        calls = [
            Call("batch", "gather", augmented_packs.pack_numbers, (batch.order, self.place, self._drawn)),
            Call("batch", "gather", augmented_packs.gather_augmented, arrays),
            *self.gather_numbers(batch),
        ]
        if inputs.labels is None:
            return calls
        own = (self._both_labels[0], self._weights[0]) if mixed(inputs) else (self._labels, self._scale)
        labels = (inputs.labels, batch.order, self.place, batch.weight, *own)
        calls.append(Call("batch", "labels", packs.gather_labels, labels))
        if mixed(inputs):
            both = (inputs.labels, self._drawn, inputs.augmentations, self._both_labels, self._weights)
            calls.append(Call("batch", "labels", augmented_packs.mix_labels, both))
        return calls

    def loss(self, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """Losses and predicted classes; of mixed images the sum of both labels' losses, each with its share."""
        if not mixed(inputs):
            return super().loss(batch, inputs)
        losses, guesses, calls = (self._losses, self._other_losses), self._guesses, list[Call]()
        for labels, own in zip(self._both_labels, losses, strict=True):
            calls.append(Call("loss", "forward", self._loss.forward, (self.y, labels, own, guesses, self.work)))
            if inputs.targets is not None:
                calls.append(Call("loss", "forward", soft_loss, (self.y, labels, own, inputs.targets.numbers)))
        return [
            *calls,
            Call("loss", "mix", augmented_packs.mix_losses, (*losses, self._weights[2])),
            Call("batch", "report", packs.report, (losses[0], guesses, self.place, batch.losses, batch.guesses)),
        ]

    def loss_gradient(self, inputs: BatchInputs) -> list[Call]:
        """The gradient of the mean loss; of mixed images the sum of both labels' gradients."""
        if not mixed(inputs):
            return super().loss_gradient(inputs)
        assert self.dy is not None
        calls = []
        for labels, weights, dy in zip(self._both_labels, self._weights[:2], (self.dy, self._other_dy), strict=True):
            kernel, last = self._loss.grad_input, self.work
            if inputs.targets is not None:
                kernel, last = soft_gradient, inputs.targets.numbers
            calls.append(Call("loss", "grad_input", kernel, (self.y, labels, weights, dy, last)))
        return [*calls, Call("loss", "mix", packs.add, (self.dy.reshape(-1), self._other_dy.reshape(-1)))]
