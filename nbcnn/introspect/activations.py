"""Every layer's output, and gradients with respect to it, in evaluation: the serial executor's calls, kept by layer.

In evaluation batch norm uses its running statistics and dropout does nothing, so the numbers are those of ``predict``.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.engine.augmented_pack import AugmentedPackBuffers
from nbcnn.engine.batch import Batch, BatchInputs, Mode
from nbcnn.engine.input_check import check_input
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor, by_layer
from nbcnn.errors import DataError, KernelError, ShapeError
from nbcnn.introspect.layer_outputs import LayerOutput, layer_outputs
from nbcnn.kernels.contract import LANES
from nbcnn.layers.base import Call
from nbcnn.util.formatting import times
from nbcnn.util.html_table import table
from nbcnn.util.memory import no_memory_error


class Activations(NamedTuple):
    """What a network computes for N images: ``outputs`` (N, …) by the path of the layer, in order.

    ``gradients`` are those with respect to each of ``outputs``, and ``image_gradient`` (N, C, H, W) that of the images
    as the network gets them (pixel / 255, less mean, by std); {} and None where none was asked for. ``layers`` say what
    is at each path.
    """

    layers: dict[str, LayerOutput]
    outputs: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    image_gradient: np.ndarray | None

    def _repr_html_(self) -> str:
        """In a notebook: shape, mean, standard deviation, least and largest output of each layer."""
        rows = []
        for path, layer in self.layers.items():
            found = _numbers(self.outputs[path])
            numbers = ("" if found[name] is None else f"{found[name]:.4g}" for name in ("mean", "std", "min", "max"))
            rows.append([path, layer.name.partition(" ")[2], times(layer.shape), *numbers])
        words = f"outputs of {len(next(iter(self.outputs.values()))):,} images" + ", and gradients" * bool(
            self.gradients
        )
        return table(("#", "layer", "shape", "mean", "std", "min", "max"), rows, words)

    def as_json(self) -> dict[str, Any]:
        """Shape, mean, standard deviation, least and largest number of each layer's outputs, and of its gradients."""
        listed = []
        for path, layer in self.layers.items():
            of_gradient = {"gradient": _numbers(self.gradients[path])} if path in self.gradients else {}
            listed.append({"path": path, **layer.as_json(), "output": _numbers(self.outputs[path]), **of_gradient})
        return {"images": len(next(iter(self.outputs.values()))), "layers": listed}


def activations(network: Network, images: np.ndarray, labels: np.ndarray | None = None) -> Activations:
    """The output of every layer for images (N, C, H, W): bytes are scaled as in training, floats taken as they are.

    With ``labels`` (N,) also the gradients of each image's own cross-entropy loss. Raises ShapeError for images of
    another shape or too many for the memory, DataError for labels that are no classes of the network.
    """
    if labels is None:
        return LayerExecutor(network, gradients=False).run(images)
    return LayerExecutor(network).of_loss(images, labels)


def array_file(found: Activations, images: np.ndarray, labels: np.ndarray | None = None) -> bytes:
    """The content of an .npz file: ``image``, ``image_gradient``, ``label``, ``output.PATH`` and ``gradient.PATH``."""
    arrays = {"image": images}
    arrays |= {} if labels is None else {"label": labels}
    arrays |= {} if found.image_gradient is None else {"image_gradient": found.image_gradient}
    arrays |= {f"output.{path}": array for path, array in found.outputs.items()}
    arrays |= {f"gradient.{path}": array for path, array in found.gradients.items()}
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


class EvaluatedPackBuffers(AugmentedPackBuffers):
    """PackBuffers whose layers do what they do in evaluation, backwards too."""

    evaluating = True


class LayerExecutor(SerialExecutor):
    """Runs a network in evaluation, and keeps what every layer gives; with ``gradients`` also backwards.

    Layers with ``backend: auto`` get their backends first. Raises ShapeError where memory is too small.
    """

    buffers = EvaluatedPackBuffers

    def __init__(self, network: Network, gradients: bool = True) -> None:
        resolve_auto(network, training=False, threads=1)
        self.layer_outputs = layer_outputs(network.root)
        self._gradients, self._seed = gradients, np.zeros(0)
        super().__init__(network, training=gradients)
        self.targets = None
        self._kept: dict[str, np.ndarray] = {}
        self._plain = LayerExecutor(network, gradients=False) if gradients else None
        self._compared = False

    def run(self, images: np.ndarray) -> Activations:
        """Outputs alone."""
        return self._pass(images, None)

    def of_loss(self, images: np.ndarray, labels: np.ndarray) -> Activations:
        """With gradients of each image's own loss; ``labels`` (N,) are classes."""
        if len(self.network.out_shape) != 1:
            raise DataError(
                f"the last layer gives {self.network.out_shape} numbers an image, and a loss needs one score for each "
                "class; end the network with flatten and linear"
            )
        labels, classes = np.asarray(labels), self.network.out_shape[0]
        if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
            raise DataError(f"labels are whole numbers ({len(images)},), one for each image; got {labels.shape}")
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            wrong = labels[(labels < 0) | (labels >= classes)][0]
            raise DataError(f"label {wrong} is no class of this network, which has {classes}: 0 to {classes - 1}")
        return self._pass(images, labels.astype(np.int64))

    def of_output(self, images: np.ndarray, seed: np.ndarray) -> Activations:
        """With gradients of Σ seed · output; ``seed`` (N, …) has the shape of the outputs, or of one image's."""
        self._seed = np.broadcast_to(seed, (len(images), *self.network.out_shape)).astype(self.network.dtype)
        return self._pass(images, None)

    def _pass(self, images: np.ndarray, labels: np.ndarray | None) -> Activations:
        check_input(self.network, images)
        if not len(images):
            raise ShapeError("there are no images: give at least one, (1, C, H, W)")
        images = np.ascontiguousarray(images, np.uint8 if images.dtype == np.uint8 else self.network.dtype)
        inputs = BatchInputs(images if images.flags.writeable else images.copy(), self._scaling(images), labels)
        with no_memory_error(f"the outputs of all layers for {len(images):,} images", "give fewer at a time"):
            self._kept = self._arrays(len(images))
            batch = self.new_batch(np.arange(len(images)), inputs)
            batch.weight[0] = 1  # each image's own loss, and not the mean
            for _ in self.steps("train" if self._gradients else "predict", inputs, batch):
                pass
            kept, self._kept = self._kept, {}
            found = {path: kept[f"y {path}"] for path in self.layer_outputs}
            if self._plain is None:
                return Activations(self.layer_outputs, found, {}, None)
            if not self._compared:
                self._compare(found, self._plain.run(images[:LANES]).outputs)
        gradients = {path: kept[f"dy {path}"] for path in self.layer_outputs}
        return Activations(self.layer_outputs, found, gradients, kept["dx"])

    def layers(
        self, mode: Mode, batch: Batch, inputs: BatchInputs, pack: AugmentedPackBuffers
    ) -> Iterator[tuple[str, list[Call]]]:
        """Forward, the gradient of the output, backward; then what this pack gave is kept."""
        yield "batch", pack.gather(batch, inputs)
        yield from by_layer(pack.forward)
        if mode == "train":
            if inputs.labels is None:
                yield "loss", [Call("loss", "grad_input", partial(self._put_seed, pack), ())]
            else:
                yield "loss", pack.loss(batch, inputs) + pack.loss_gradient(inputs)
            yield from self._backward(pack)
        yield "batch", [Call("batch", "keep", partial(self._keep_outputs, pack), ())]

    def _backward(self, pack: AugmentedPackBuffers) -> Iterator[tuple[str, list[Call]]]:
        """Each output's gradient is kept before it is used: dense adds to its own while it goes backwards."""
        left = list(self.layer_outputs)
        for path, calls in by_layer(pack.backward):
            ready = [each for each in left if path == each or path.startswith(f"{each}.")]
            ready += [each for each in left if each not in ready and _hands_on(pack, each, ready)]
            left = [each for each in left if each not in ready]
            if ready:
                yield "batch", [Call("batch", "keep", partial(self._keep_gradients, pack, ready), ())]
            yield path, calls
        yield "batch", [Call("batch", "keep", partial(self._keep_gradients, pack, left), ())]

    def _arrays(self, images: int) -> dict[str, np.ndarray]:
        made = {}
        for path, layer in self.layer_outputs.items():
            for name in ("y", "dy") if self._gradients else ("y",):
                made[f"{name} {path}"] = np.zeros((images, *layer.shape), self.network.dtype)
        return made | (
            {"dx": np.zeros((images, *self.network.in_shape), self.network.dtype)} if self._gradients else {}
        )

    def _put_seed(self, pack: AugmentedPackBuffers) -> None:
        own, assigned = self._own(pack), pack.dy
        assert assigned is not None
        assigned[...] = 0
        assigned[..., : own.stop - own.start] = np.moveaxis(self._seed[own], 0, -1)

    def _keep_outputs(self, pack: AugmentedPackBuffers) -> None:
        for path in self.layer_outputs:
            self._copy(pack, pack.layer_outputs[path][0], f"y {path}")
        if self._gradients and pack.dx is not None:
            self._copy(pack, pack.dx, "dx")

    def _keep_gradients(self, pack: AugmentedPackBuffers, paths: Sequence[str]) -> None:
        for path in paths:
            dy = pack.layer_outputs[path][1]
            if dy is not None:
                self._copy(pack, dy, f"dy {path}")

    def _copy(self, pack: AugmentedPackBuffers, array: np.ndarray, name: str) -> None:
        """The images of a pack, which come last there and first in what is kept."""
        own, into = self._own(pack), self._kept[name]
        images = array.reshape(prod(into.shape[1:]), LANES)[:, : own.stop - own.start]
        into[own] = images.T.reshape(-1, *into.shape[1:])

    def _own(self, pack: AugmentedPackBuffers) -> slice:
        """The images of the batch that a pack holds."""
        number, count = (int(each) for each in pack.place)
        return slice(number * LANES, min(count, (number + 1) * LANES))

    def _compare(self, found: dict[str, np.ndarray], evaluated: dict[str, np.ndarray]) -> None:
        """Raise KernelError for a plugin's layer that does something else when it is bound for training."""
        for path, output in found.items():
            if not np.array_equal(output[:LANES], evaluated[path], equal_nan=True):
                raise KernelError(
                    f"layer {path} ({self.layer_outputs[path].kind}) gives other numbers in training than in "
                    "evaluation, so gradients of its evaluation are not known; let its bind do with "
                    "buffers.evaluating what it does without training"
                )
        self._compared = True


def _hands_on(pack: AugmentedPackBuffers, path: str, ready: Sequence[str]) -> bool:
    """Whether a layer's gradient lies where that of one of these does, and it is not inside that one."""
    own = pack.layer_outputs[path][1]
    for each in ready:
        other = pack.layer_outputs[each][1]
        if own is not None and other is not None and np.may_share_memory(own, other):
            return not path.startswith(f"{each}.")
    return False


def _numbers(array: np.ndarray) -> dict[str, float | list[int] | None]:
    """Statistics; None for what is no number."""
    wide = array.astype(np.float64)
    statistics = {"mean": wide.mean(), "std": wide.std(), "min": wide.min(), "max": wide.max()}
    finite = {name: float(number) if np.isfinite(number) else None for name, number in statistics.items()}
    return {"shape": list(array.shape), **finite}
