"""PackBuffers for images that are augmented otherwise than by shifts and flips: warped, erased, mixed (MixUp)."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nbcnn.engine.batch import Batch, BatchInputs
from nbcnn.engine.pack_buffers import PackBuffers
from nbcnn.kernels import augmented_packs, packs
from nbcnn.kernels.augmented_packs import SHARE
from nbcnn.kernels.contract import LANES
from nbcnn.layers.base import Call
from nbcnn.util.aligned import zeros


def augmented(inputs: BatchInputs) -> bool:
    """Whether ``moves`` are rows of float64 (data/augment_rows.py), not whole numbers (data/augment.py) or None."""
    return inputs.moves is not None and inputs.moves.dtype.kind == "f"


def mixed(inputs: BatchInputs) -> bool:
    """Whether each image is two, with the labels of both."""
    return inputs.moves is not None and inputs.moves.shape[1] > SHARE


class AugmentedPackBuffers(PackBuffers):
    """PackBuffers that also take ``moves`` of float64; what few trainings need is made when it is needed."""

    @cached_property
    def _numbers(self) -> np.ndarray:
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
        return np.zeros((2, LANES), np.int64)

    @cached_property
    def _weights(self) -> np.ndarray:
        """Both labels' weights in the mean loss, and the images' own shares."""
        return np.zeros((3, LANES), self.dtype)

    @cached_property
    def _other_losses(self) -> np.ndarray:
        return np.zeros(LANES, self.dtype)

    @cached_property
    def _other_dy(self) -> np.ndarray:
        return zeros(self.y.shape, self.dtype)

    def gather(self, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """Fill ``x`` with the pack's images, augmented and scaled, and take their labels."""
        if inputs.moves is None or not augmented(inputs):
            return super().gather(batch, inputs)
        arrays = (inputs.images, self._numbers, inputs.scaling, inputs.moves, self._planes, self.x)
        calls = [
            Call("batch", "gather", augmented_packs.pack_numbers, (batch.order, self.place, self._numbers)),
            Call("batch", "gather", augmented_packs.gather_augmented, arrays),
        ]
        if inputs.labels is None:
            return calls
        own = (self._both_labels[0], self._weights[0]) if mixed(inputs) else (self._labels, self._scale)
        labels = (inputs.labels, batch.order, self.place, batch.weight, *own)
        calls.append(Call("batch", "labels", packs.gather_labels, labels))
        if mixed(inputs):
            both = (inputs.labels, self._numbers, inputs.moves, self._both_labels, self._weights)
            calls.append(Call("batch", "labels", augmented_packs.mix_labels, both))
        return calls

    def loss(self, batch: Batch, mixed: bool = False) -> list[Call]:
        """Losses and predicted classes; of mixed images the sum of both labels' losses, each with its share."""
        if not mixed:
            return super().loss(batch)
        losses, guesses, forward = (self._losses, self._other_losses), self._guesses, self._loss.forward
        both = [
            Call("loss", "forward", forward, (self.y, labels, own, guesses, self.work))
            for labels, own in zip(self._both_labels, losses, strict=True)
        ]
        return [
            *both,
            Call("loss", "mix", augmented_packs.mix_losses, (*losses, self._weights[2])),
            Call("batch", "report", packs.report, (losses[0], guesses, self.place, batch.losses, batch.guesses)),
        ]

    def loss_gradient(self, mixed: bool = False) -> list[Call]:
        """The gradient of the mean loss; of mixed images the sum of both labels' gradients."""
        if not mixed:
            return super().loss_gradient()
        assert self._dy is not None
        gradients = self._dy, self._other_dy
        both = [
            Call("loss", "grad_input", self._loss.grad_input, (self.y, labels, weights, dy, self.work))
            for labels, weights, dy in zip(self._both_labels, self._weights[:2], gradients, strict=True)
        ]
        return [*both, Call("loss", "mix", packs.add, (self._dy.reshape(-1), self._other_dy.reshape(-1)))]
