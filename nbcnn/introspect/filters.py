"""Learned kernels of a network, by layer: those of convolutions, and of a linear layer that reads the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbcnn.engine.network import Network
from nbcnn.errors import ConfigError
from nbcnn.introspect.graph import IMAGE, computed_by, graph_of
from nbcnn.introspect.layer_outputs import find_layer
from nbcnn.util.formatting import times
from nbcnn.util.html_table import table

SHOWN = 64
"""Kernels that a notebook shows."""


class Filters(NamedTuple):
    """The kernels of one layer: ``weight`` (O, C, KH, KW), C the input channels that each kernel reads, a copy."""

    path: str
    kind: str
    weight: np.ndarray

    def _repr_html_(self) -> str:
        """In a notebook: mean, standard deviation, least and largest number of each kernel."""
        rows = [
            [n, *(f"{number:.4g}" for number in (one.mean(), one.std(), one.min(), one.max()))]
            for n, one in enumerate(self.weight[:SHOWN])
        ]
        made, *shape = self.weight.shape
        less = f", the first {SHOWN}" if made > SHOWN else ""
        words = f"layer {self.name}: {made} kernels of {times(shape)}{less}"
        return table(("kernel", "mean", "std", "min", "max"), rows, words)

    @property
    def name(self) -> str:
        """``3 conv2d``"""
        return f"{self.path} {self.kind}"


def filters(network: Network, paths: Sequence[str] = ()) -> tuple[Filters, ...]:
    """The kernels of all convolutions, or of the layers at these paths, in order.

    A linear layer right behind the image has one as large as the image for each output. Raises ConfigError for a path
    that is none, or whose layer has no kernels, and where the network has none.
    """
    nodes = graph_of(network.root)
    found = {}
    for node in nodes:
        layer = node.layer
        if node.how or "weight" not in layer.parameters():
            continue
        weight = network.tensors[f"{layer.path}.weight"]
        if layer.op == "conv2d":
            found[layer.path] = Filters(layer.path, layer.kind, weight.copy())
        elif layer.op == "linear" and computed_by(nodes, node.inputs[0]) == IMAGE:
            found[layer.path] = Filters(layer.path, layer.kind, weight.reshape(-1, *network.in_shape).copy())
    if not paths and not found:
        raise ConfigError(f"{network.config.name} has no convolution, nor a linear layer that reads the pixels")
    chosen = [find_layer(network.root, path, network.config.name) for path in paths]
    for one in chosen:
        if one.path not in found:
            known = f"those that have: {', '.join(found)}" if found else "no layer of this network has"
            raise ConfigError(f"layer {one.name} of {network.config.name} has no kernels to look at; {known}")
    return tuple(found[one.path] for one in chosen) if paths else tuple(found.values())
