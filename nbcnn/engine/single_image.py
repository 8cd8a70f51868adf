"""Executor for one image, with 16 neighbouring outputs in the lanes in place of 16 images.

A pack that holds one image does 15 images' work for nothing. So backends may have a second forward kernel, for one
image alone, which sums in the same order: outputs are the same bits as in a pack, and the engine may take either.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from nbcnn.engine.call_list import CallList
from nbcnn.engine.network import Network
from nbcnn.errors import KernelError
from nbcnn.kernels import packs
from nbcnn.kernels.registry import Prepared, prepare_single
from nbcnn.layers import Layer
from nbcnn.layers.base import serves_one_image
from nbcnn.util.aligned import zeros
from nbcnn.util.blas import one_blas_thread
from nbcnn.util.memory import memory

MOST_SINGLE_IMAGES = 7
"""So many images and more go in packs, which are faster from 7 or 8 on: tests/benchmarks/one_image.py."""


def can_go_alone(network: Network) -> bool:
    """Whether every layer has kernels for one image, and memory their scratch."""
    if not _all_serve(network.root):
        return False
    found = [_prepared(network, layer) for layer in network.layers() if layer.op]
    largest = max((one.workspace for one in found if one), default=0)
    return all(found) and largest * network.dtype.itemsize < memory().bytes / 2


class SingleImageExecutor:
    """Buffers for one image, with every layer bound to them: a BufferProvider. One thread at a time uses it."""

    evaluating = False

    def __init__(self, network: Network) -> None:
        self.dtype = network.dtype
        self.place, self.step = np.array([0, 1]), np.zeros(2, np.int64)
        self._network = network
        floats = [found.workspace for layer in network.layers() if layer.op and (found := _prepared(network, layer))]
        self._scratch = zeros((max(floats, default=0),), self.dtype)
        x = self.pack(network.in_shape)
        self._bound = network.root.bind(self, x, None, False)
        self._x, self._y, self._zero = x[None], self._bound.y[None], np.zeros((), self.dtype)

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array of one image: no last axis of 16."""
        return zeros(shape, self.dtype)

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        return zeros(shape, self.dtype)

    def shared(self, shape: tuple[int, ...]) -> np.ndarray:
        """There is one worker."""
        return zeros(shape, self.dtype)

    def image_numbers(self) -> np.ndarray:
        raise KernelError("one image alone is only predicted; numbers of images are for training")

    def parameter(self, name: str) -> np.ndarray:
        return self._network.tensors[name]

    def gradient(self, name: str) -> np.ndarray:
        raise KernelError(f"{name}: one image alone has no gradient; train with packs")

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        found = prepare_single(problem, layer.backend or "")
        if found is None:
            raise KernelError(f"{layer.where}: backend {layer.backend} has no kernel for one image alone")
        return found

    def scratch(self, floats: int) -> np.ndarray:
        return self._scratch

    @cached_property
    def _call_list(self) -> CallList:
        return CallList([(call.kernel, call.arrays) for call in self._bound.forward])

    def predict(self, images: np.ndarray, scaling: np.ndarray) -> np.ndarray:
        """The last layer's output (N, …) for N >= 1 images (N, C, H, W), which are scaled as packs.gather does it."""
        if len(images) == 1:
            return self._one(images, scaling)
        return np.concatenate([self._one(images[n : n + 1], scaling) for n in range(len(images))])

    def _one(self, image: np.ndarray, scaling: np.ndarray) -> np.ndarray:
        """(1, C, H, W) to (1, …)."""
        if image.dtype == self.dtype:
            np.add(image, self._zero, self._x)  # gather's pixel · 1 + 0, in 0.4 µs; the kernel takes 1.5 from Python
        else:
            packs.take_one(image, scaling, self._x)
        if self._call_list.native:
            self._call_list()
        else:
            with one_blas_thread():
                self._call_list()
        return self._y.copy()


def _prepared(network: Network, layer: Layer) -> Prepared | None:
    return prepare_single(replace(layer.problem, dtype=network.dtype.name), layer.backend or "")


def _all_serve(layer: Layer) -> bool:
    return serves_one_image(layer) and all(_all_serve(child) for child in layer.children)
