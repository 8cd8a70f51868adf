"""One image through a network: 16 of its neighbours in the lanes, where a pack has 16 images.

A pack that holds one image does 15 images' work for nothing. So backends may have a second forward kernel, for one
image alone, which sums in the same order: outputs are the same bits as in a pack, and the engine may take either.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from nbcnn.buffers import zeros
from nbcnn.errors import KernelError
from nbcnn.kernels import packs
from nbcnn.kernels.registry import Prepared, prepare_single
from nbcnn.kernels.tape import Tape
from nbcnn.layers import Layer
from nbcnn.layers.base import serves_one_image
from nbcnn.network import Network

FEW = 8
"""So many images and more are faster in a pack, for LeNet; see docs/performance.md."""


def can_go_alone(network: Network) -> bool:
    """Whether every layer has kernels for one image."""
    return _all_serve(network.root) and all(_prepared(network, layer) for layer in network.layers() if layer.op)


class Single:
    """Buffers for one image, with every layer bound to them: a Room of layers/base.py. One thread at a time uses it."""

    def __init__(self, network: Network) -> None:
        self.dtype = network.dtype
        self._network, self._lock = network, Lock()
        floats = [found.workspace for layer in network.layers() if layer.op and (found := _prepared(network, layer))]
        self._work = zeros((max(floats, default=0),), self.dtype)
        self._x = self.pack(network.in_shape)
        bound = network.root.bind(self, self._x, None, False)
        self._y, self._play = bound.y.reshape(network.out_shape), Tape([(c.kernel, c.arrays) for c in bound.forward])

    def pack(self, shape: tuple[int, ...]) -> np.ndarray:
        """An array of one image: no last axis of 16."""
        return zeros(shape, self.dtype)

    def parameter(self, name: str) -> np.ndarray:
        return self._network.tensors[name]

    def gradient(self, name: str) -> np.ndarray:
        raise KernelError(f"{name}: one image alone has no gradient; train with packs")

    def prepare(self, layer: Layer, problem: Any) -> Prepared:
        found = prepare_single(problem, layer.backend or "")
        if found is None:
            raise KernelError(f"{layer.where}: backend {layer.backend} has no kernel for one image alone")
        return found

    def work(self, floats: int) -> np.ndarray:
        return self._work

    def predict(self, images: np.ndarray, scaling: np.ndarray) -> np.ndarray:
        """The last layer's output (N, …) for images (N, C, H, W), scaled as packs.gather does it."""
        out = np.empty((len(images), *self._y.shape), self.dtype)
        with self._lock:
            for number in range(len(images)):
                if images.dtype == self.dtype:
                    np.add(images[number], 0, out=self._x)  # as gather: times 1, plus 0
                else:
                    packs.take_one(images, number, scaling, self._x)
                self._play()
                out[number] = self._y
        return out


def _prepared(network: Network, layer: Layer) -> Prepared | None:
    from dataclasses import replace

    return prepare_single(replace(layer.problem, dtype=network.dtype.name), layer.backend or "")


def _all_serve(layer: Layer) -> bool:
    return serves_one_image(layer) and all(_all_serve(child) for child in layer.children)
