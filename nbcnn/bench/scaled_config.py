"""Configs scaled to other batch sizes, image sizes or numbers of channels."""

from __future__ import annotations

from typing import Any

from nbcnn.config import Config
from nbcnn.engine.network import layers_of, leaves
from nbcnn.errors import KernelError
from nbcnn.layers import Layer

Plain = dict[str, Any]
WIDTHS = {"conv2d": "out_channels", "linear": "out_features"}
"""Layers with weights, and the key that says how much comes out of them."""


def with_batch(config: Config, images: int) -> Plain:
    """The same network, trained on batches of so many images."""
    plain = config.to_mapping()
    plain["train"]["batch_size"] = images
    return plain


def with_image(config: Config, height: int) -> Plain:
    """The same layers on images of another height; the width keeps its share, and later layers take what comes."""
    plain, shape = config.to_mapping(), config.input
    plain["input"] |= {"height": height, "width": max(1, round(height * shape.width / shape.height))}
    return plain


def widened(config: Config, factor: int) -> Plain:
    """All layers with weights but the last give ``factor`` times as many channels or features.

    Input and classes stay. Groups stay as they are, but a convolution with a group for each channel keeps that.
    """
    plain, inner = config.to_mapping(), False
    hidden = _hidden(config)
    for layer in leaves(layers_of(config)):
        if layer.kind not in WIDTHS:
            continue
        arguments = _arguments(plain, layer)
        if inner and arguments.get("groups", 1) > 1 and arguments["groups"] == layer.in_shape[0]:
            arguments["groups"] *= factor
        if layer.path in hidden:
            arguments[WIDTHS[layer.kind]] *= factor
        inner = True
    return plain


def widest(config: Config) -> int:
    """Channels of the widest convolution that can grow; raises KernelError where there is none."""
    sizes = [layer.out_shape[0] for layer in _hidden(config).values() if layer.kind == "conv2d"]
    if not sizes:
        raise KernelError(
            f"--sweep channels: {config.name} has no convolution that could have more channels; its last layer with "
            "weights keeps its size, which is that of the answer"
        )
    return max(sizes)


def macs(config: Config) -> int:
    """Multiply-accumulates of one image."""
    problems = [layer.problem for layer in leaves(layers_of(config))]
    return sum(problem.macs for problem in problems if problem is not None)


def _hidden(config: Config) -> dict[str, Layer]:
    """All layers with weights but the last, by their path."""
    weighted = [layer for layer in leaves(layers_of(config)) if layer.kind in WIDTHS]
    return {layer.path: layer for layer in weighted[:-1]}


def _arguments(plain: Plain, layer: Layer) -> Plain:
    """The layer's arguments in the mapping: path 2.0 is the first layer of the sequential that is the third.

    Names in a path are keys: 3.body.0, 3.branches.1.0; the layers of dense are sequentials of one, 3.layers.0.0.
    """
    node: Any = plain["layers"]
    parts = layer.path.split(".")
    while parts:
        part = parts.pop(0)
        if not part.isdecimal():
            node = node[part]
            if part in ("branches", "layers"):
                node = node[int(parts.pop(0))]
                node = [node] if part == "layers" else node
            continue
        (node,) = node[int(part)].values()
        if parts and parts[0].isdecimal():
            node = node["layers"]
    found: Plain = node
    return found
