"""The trace of a convolution inside a network: its input, or the gradient of its output, on one image."""

from __future__ import annotations

from contextlib import closing
from copy import copy
from typing import TypeVar

import numpy as np

from nbcnn.engine.batch import BatchInputs
from nbcnn.engine.network import Network, unchanged
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import ConfigError, ShapeError
from nbcnn.introspect.trace.conv2d import ConvTrace, Placed, trace_pixel, trace_weight
from nbcnn.kernels.registry import AUTO, DEFAULT
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.util.suggestions import nearest

Net = TypeVar("Net", bound=Network)


def explain_conv(
    network: Network,
    image: np.ndarray,
    layer: str | None = None,
    *,
    pixel: tuple[int, int, int] | None = None,
    weight: tuple[int, int, int, int] | None = None,
    label: int | None = None,
    called: str = "the image",
) -> ConvTrace:
    """Trace one output pixel of a ``conv2d`` layer on an image, or backwards the gradient of one ``weight``.

    ``image`` is (C, H, W), bytes (scaled as in training) or float32 (taken as it is). ``layer`` is the layer's path as
    ``nbcnn summary`` has it, by default the first ``conv2d``. ``pixel`` is (o, i, j): output channel, row, column;
    without one it is the middle of channel 0. ``weight`` is (o, c, a, k): output channel, input channel within the
    group, row and column of the kernel; the loss is that of the class ``label``. A pixel is traced as in prediction, a
    gradient as in training on this image alone. A layer with ``backend: auto`` uses ``direct``. ``called`` names the
    image. Raises ConfigError for another layer, ShapeError for an image of another shape, a place outside of the layer,
    and a gradient without a label.
    """
    network = with_known_backends(network)
    found = conv_layer(network, layer)
    images = _as_batch(network, image)
    config = network.config.name
    if weight is None:
        call = _call(network, images, found.path, "forward")
        x, w, b = (np.array(array) for array in (call.arrays[0][..., 0], *call.arrays[1:3]))
        words = f"layer {found.path} of {config}, on {called}"
        return trace_pixel(call.problem, x, w, b, pixel, Placed(words, str(found.backend)))
    if pixel is not None:
        raise ShapeError("give a pixel or a weight, not both: the first is traced forward, the second backwards")
    call = _call(network, images, found.path, "grad_weight", _checked_label(network, label))
    x, dy = (np.array(array[..., 0]) for array in call.arrays[:2])
    words = f"a weight of layer {found.path} of {config}, in a training step on {called} alone"
    return trace_weight(call.problem, x, dy, weight, Placed(words, str(found.backend)))


def conv_layer(network: Network, path: str | None) -> Layer:
    """The ``conv2d`` layer at a path, or the first one; raises ConfigError, naming those that there are."""
    layers = {layer.path: layer for layer in network.layers()}
    convolutions = [name for name, layer in layers.items() if layer.op == "conv2d"]
    name = network.config.name
    if not convolutions:
        raise ConfigError(f"{name} has no conv2d layer to trace; nbcnn summary {name} lists its layers")
    path = convolutions[0] if path is None else path
    if path not in layers:
        raise ConfigError(f"{name} has no layer {path!r}; {nearest(path, convolutions)} (its conv2d layers)")
    if path not in convolutions:
        raise ConfigError(
            f"layer {path} of {name} is {layers[path].kind}, and only conv2d can be traced: {', '.join(convolutions)}"
        )
    return layers[path]


def with_known_backends(network: Net) -> Net:
    """The network, sharing its parameters, with ``direct`` wherever ``auto`` would choose by timing."""
    auto = [layer.path for layer in network.layers() if layer.backend == AUTO]
    if not auto:
        return network
    other = copy(network)
    other.choose_backends(dict.fromkeys(auto, DEFAULT))
    return other


def _as_batch(network: Network, image: np.ndarray) -> np.ndarray:
    """The image as a batch of one, of bytes or of the network's floats; raises ShapeError for another shape."""
    c, h, w = network.in_shape
    if not isinstance(image, np.ndarray) or image.shape != (c, h, w):
        got = f"shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ShapeError(f"the image must be an array of shape ({c}, {h}, {w}), got {got}")
    if image.dtype != np.uint8 and image.dtype.kind != "f":
        raise ShapeError(f"the image must hold bytes (uint8) or floats scaled as in training, got {image.dtype}")
    return np.array(image[None], np.uint8 if image.dtype == np.uint8 else network.dtype, order="C")


def _checked_label(network: Network, label: int | None) -> int:
    if len(network.out_shape) != 1:
        name, shape = network.config.name, network.out_shape
        raise ShapeError(f"{name} gives {shape} numbers an image, not one score for each class, so it has no loss")
    classes = network.out_shape[0]
    if label is None:
        raise ShapeError("a gradient needs the image's class; take an image of a data set, or give its label")
    if not 0 <= label < classes:
        raise ShapeError(f"label must be from 0 to {classes - 1}, got {label}")
    return label


def _call(network: Network, images: np.ndarray, path: str, direction: str, label: int | None = None) -> Call:
    """The call of a layer, made: its arrays hold what the engine has computed, in lane 0."""
    training = label is not None
    if training:
        network.check_batch(1)
    executor = SerialExecutor(network, training)
    scaling = executor._of_bytes if images.dtype == np.uint8 else executor._of_floats
    labels = np.array([label or 0])
    inputs = BatchInputs(images, scaling, labels, targets=executor.targets)
    batch = executor.new_batch(np.arange(1), inputs)
    steps = executor.steps("train" if training else "predict", inputs, batch)
    with unchanged(network, executor.gradient), closing(steps):  # type: ignore[type-var]
        return next(call for call in steps if call.layer == path and call.direction == direction)
