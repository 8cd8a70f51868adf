"""The layers whose outputs can be looked at, by path: those with kernels, and where branches are joined."""

from __future__ import annotations

from typing import Any, NamedTuple

from nbcnn.errors import ConfigError
from nbcnn.introspect.graph import graph_of
from nbcnn.layers import Layer
from nbcnn.layers.composite import Sequential
from nbcnn.util.suggestions import closest

LISTED = 24
"""Layers that a message lists."""


class LayerOutput(NamedTuple):
    """The output of a layer: its ``kind`` is the YAML name, ``shape`` that for one image, ``how`` that of a join."""

    path: str
    kind: str
    shape: tuple[int, ...]
    how: str = ""

    @property
    def name(self) -> str:
        """``3.body.0 conv2d``, ``3 residual (add)``"""
        return f"{self.path} {self.kind}" + (f" ({self.how})" if self.how else "")

    def as_json(self) -> dict[str, Any]:
        """Kind, shape for one image, and how branches are joined."""
        return {"layer": self.kind, "join": self.how or None, "out_shape": list(self.shape)}


def layer_outputs(root: Layer) -> dict[str, LayerOutput]:
    """By path, in the order in which they are computed."""
    nodes = [node for node in graph_of(root) if node.last]
    return {
        node.layer.path: LayerOutput(node.layer.path, node.layer.kind, node.layer.out_shape, node.how) for node in nodes
    }


def spread(layers: list[LayerOutput], most: int) -> list[LayerOutput]:
    """Layers that compute something to look at, evenly spread where there are many; the last one is among them."""
    plain = ("flatten", "identity", "dropout", "batch_norm2d", "batch_norm1d")
    found = [layer for layer in layers if layer.kind not in plain] or layers
    if len(found) <= most:
        return found
    return [found[round(k * (len(found) - 1) / (most - 1))] for k in range(most)]


def find_layer(root: Layer, path: str, name: str) -> LayerOutput:
    """The output that ``path`` means in the network ``name``; of a list of layers, that of its last one.

    Raises ConfigError with the nearest path, or with those of the kind that was named.
    """
    outputs = layer_outputs(root)
    wanted = str(path)
    if wanted in outputs:
        return outputs[wanted]
    layer = next((each for each in _all(root) if each.path == wanted), None)
    while isinstance(layer, Sequential) and layer.children:
        layer = layer.children[-1]
        if layer.path in outputs:
            return outputs[layer.path]
    raise ConfigError(f"{name} has no layer {wanted!r}; {_hint(wanted, outputs)}")


def _hint(wanted: str, outputs: dict[str, LayerOutput]) -> str:
    meant = closest(wanted, {layer.kind for layer in outputs.values()})
    of_kind = [path for path, layer in outputs.items() if layer.kind == meant]
    if of_kind:
        return f"a layer is named by its path, as nbcnn summary shows it; {meant}: {', '.join(of_kind[:LISTED])}"
    listed = [f"{layer.path} ({layer.kind})" for layer in outputs.values()]
    more = f" and {len(listed) - LISTED} more" if len(listed) > LISTED else ""
    known = f"its layers: {', '.join(listed[:LISTED])}{more}"
    near = _nearest_path(wanted, list(outputs))
    return f"did you mean {near}? ({known})" if near else known


def _nearest_path(wanted: str, paths: list[str]) -> str | None:
    """Of a number the nearest one; else the most alike, or that with the longest common beginning, part by part."""
    numbers = [path for path in paths if path.isdecimal()]
    if wanted.isdecimal() and numbers:
        return min(numbers, key=lambda path: abs(int(path) - int(wanted)))
    if (match := closest(wanted, paths)) is not None:
        return match
    parts = wanted.split(".")

    def alike(path: str) -> int:
        own = path.split(".")
        return next((n for n, (a, b) in enumerate(zip(parts, own, strict=False)) if a != b), min(len(own), len(parts)))

    best = max(paths, key=alike)
    return best if alike(best) > 0 else None


def _all(layer: Layer) -> list[Layer]:
    return [layer, *(each for child in layer.children for each in _all(child))]
