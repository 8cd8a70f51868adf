"""Messages about a NaN or an infinity: layer, direction, counts, inputs, image."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from nbcnn.engine.network import Network, views
from nbcnn.errors import shown
from nbcnn.kernels.batch_norm.op import BatchNormKernels
from nbcnn.kernels.contract import LANES, NormKernels, ParameterFreeKernels
from nbcnn.kernels.cross_entropy.op import LossKernels
from nbcnn.kernels.registry import file_of
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.training.diagnose.array_stats import array_stats, figure

WORDS = {
    "x": "inputs",
    "w": "weights",
    "b": "biases",
    "y": "outputs",
    "dy": "gradients of its outputs",
    "dx": "gradients of its inputs",
    "dw": "gradients of its weights",
    "db": "gradients of its biases",
    "losses": "losses",
}
DIRECTIONS = {"forward": "y", "grad_input": "dx", "grad_weight": "dw"}
OF_CHANNELS = ("statistics", "merge_statistics", "merge_means")
"""Calls of batch norm whose results are numbers of channels, not of images."""


PACKS = ("x", "y", "dy", "dx", "losses")


class Finding(NamedTuple):
    """Sentences on where a number went wrong, and what may help; empty: advice against growing numbers."""

    sentences: tuple[str, ...]
    remedy: str = ""


class Scene(NamedTuple):
    """A pack of a network: ``order`` is that of all images, ``place`` the pack's number and how many images there are.

    ``split`` is where the images are from, training or test.
    """

    network: Network
    order: np.ndarray
    place: np.ndarray
    split: str

    @property
    def images(self) -> int:
        """How many images are in the pack."""
        return min(LANES, int(self.place[1] - LANES * self.place[0]))

    @property
    def pack(self) -> str:
        """``pack 2 of 4``"""
        return f"pack {int(self.place[0]) + 1:,} of {-(-int(self.place[1]) // LANES):,}"

    def of_images(self, array: np.ndarray) -> np.ndarray:
        """A pack (..., 16) without the lanes that no image fills, unless only these have wrong numbers."""
        images = array[..., : self.images]
        return array if np.isfinite(images).all() and not np.isfinite(array).all() else images

    def image(self, array: np.ndarray) -> str:
        """The first image that has a wrong number in a pack (..., 16)."""
        lane = int(np.flatnonzero(~np.isfinite(array).reshape(-1, LANES).all(axis=0))[0])
        if lane >= self.images:
            return f"it was in lane {lane} of {self.pack}, which no image fills: its pixels are 0"
        index = int(self.order[LANES * int(self.place[0]) + lane])
        return f"first in {self.split} image {index:,} (counted from 0), in {self.pack}"


def finding(scene: Scene, call: Call, array: np.ndarray) -> Finding:
    """The message about the first array with wrong numbers, which ``call`` has just written."""
    if call.direction == "add":
        tensor = spoilt_tensor(scene.network, array)
        return Finding((f"it began in the sum of the packs' gradients, with that of {scene.pack}, in {tensor}",))
    if call.layer == "batch":
        return _pixels(scene, array)
    layer = next((one for one in scene.network.layers() if one.path == call.layer), None)
    kind = LossKernels if call.layer == "loss" else layer.problem.kernels if layer and layer.op else None
    # A layer that makes calls of its own, a plugin's, has other names.
    inputs, outputs = next(
        (one[1:] for one in kind.signatures() if one.kernel == call.direction) if kind else iter(()), ((), ())
    )
    given = {name: one for name, one in zip(inputs, call.arrays, strict=False) if name in WORDS}
    results = dict(zip(outputs, call.arrays[len(inputs) :], strict=False))
    changed = next((name for name in given if given[name] is array), "")
    name = changed or next((name for name in results if results[name] is array), DIRECTIONS.get(call.direction, "y"))
    where = "the loss" if call.layer == "loss" else layer.where if layer else f"layer {call.layer}"
    direction = _way(call)
    is_pack = name in PACKS and array.shape[-1] == LANES and call.direction not in OF_CHANNELS
    counts = array_stats(scene.of_images(array) if is_pack else array)
    packs = {key: scene.of_images(one) if key in PACKS else one for key, one in given.items()}
    sizes = {key: array_stats(one).largest for key, one in packs.items() if not changed}
    went_in = ", ".join(f"{WORDS[key]} up to {figure(size)}" for key, size in sizes.items())
    noun = WORDS[name] + (", which it may not change," if changed else "")
    which = scene.image(array) if is_pack else f"it was in {scene.pack}"
    return Finding(
        (
            f"it began in {where}, {direction}: {counts.words(noun)}",
            f"what went in: {went_in}, all of them numbers; {which}" if sizes else which,
        ),
        _suspect(layer, call, {key: (given[key].size, size) for key, size in sizes.items()}),
    )


def _way(call: Call) -> str:
    """``forward``, or which call of the backward pass; of statistics, where they are made."""
    if call.direction in ("statistics", "merge_statistics"):
        return "forward (statistics of the batch)"
    return "forward" if call.direction == "forward" else f"backward ({call.direction})"


def _pixels(scene: Scene, array: np.ndarray) -> Finding:
    data = scene.network.config.data
    scaled = f"scaled with data.mean {list(data.mean)} and data.std {list(data.std)}"
    return Finding(
        (f"it began in the pixels, {scaled}: {array_stats(scene.of_images(array)).words()}", scene.image(array)),
        "give data.mean and data.std of pixels counted from 0 (black) to 1 (white), for instance 0.29 and 0.35",
    )


def spoilt_tensor(network: Network, flat: np.ndarray) -> str:
    """Name and count of the first parameter with wrong numbers in ``flat`` (size,), theirs or their gradient's.

    Empty where there is none.
    """
    if np.isfinite(flat).all():
        return ""
    name, tensor = next((n, t) for n, t in views(flat, network.shapes).items() if not np.isfinite(t).all())
    layers = {layer.path: layer for layer in network.layers()}
    layer = layers.get(name.rpartition(".")[0])
    return f"{name}{f' of {layer.where}' if layer else ''}: {array_stats(tensor).words()}"


def _suspect(layer: Layer | None, call: Call, given: Mapping[str, tuple[int, float]]) -> str:
    """The hint where no correct kernel can make a wrong number; ``given`` has arrays' sizes and largest numbers.

    No sum of products is larger than what the sums of both arrays' magnitudes make, whichever way it is reckoned.
    """
    if layer is None:
        return ""
    if not layer.op:
        return f"look at what the layer {layer.kind} computes {call.direction}, or try a smaller step"
    if layer.problem.kernels in (NormKernels, BatchNormKernels):  # they divide, by what may be small
        return ""
    taken = {"dy"} if layer.problem.kernels is ParameterFreeKernels and "dy" in given else given.keys() - {"b"}
    bound = prod(given[name][0] * given[name][1] for name in taken) + (given["b"][1] if "b" in given else 0)
    for constant in getattr(layer.problem, "constants", ()):  # such as a slope, which may be large
        bound *= max(1.0, abs(constant))
    if bound >= np.finfo(call.arrays[0].dtype).max:
        return ""
    return (
        f"such numbers are too small to make it by any sum, so look at the kernel: {check(layer)} holds it against the "
        "formula"
    )


def check(layer: Layer) -> str:
    """The command that holds a layer's backend against the contract."""
    op, name = layer.op or "", layer.backend or ""
    file = file_of(op, name)
    return f"nbcnn kernels check {op}={name}{f' --plugin {shown(file)}' if file else ''}"
