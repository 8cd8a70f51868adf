"""``nbcnn expand``: a config as YAML with every layer and default written out, and each layer's output shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbcnn.config import Config, load_config
from nbcnn.config.writer import to_yaml
from nbcnn.engine.network import layers_of
from nbcnn.layers import Layer
from nbcnn.layers.base import LayerConfig
from nbcnn.layers.composite import written_out
from nbcnn.layers.entries import kind_of


def expand(config: Config) -> str:
    """YAML that trains to the same bits as ``config``: blocks and repeated layers written out, every default shown.

    Lines of layers end with the shape of their output for one image, ``# (6, 24, 24)``. Raises ShapeError where layers
    do not fit.
    """
    layers_of(config)  # shapes that do not fit are told with their places in the file
    plain = load_config(config.model_copy(update={"layers": written_out(config.layers)}).to_mapping())
    shapes = {layer.config.where: str(layer.out_shape) for layer in _all(layers_of(plain))}
    comments = {path: shapes[where] for path, where in _places(plain.layers, ("layers",)) if where in shapes}
    return to_yaml(plain.to_mapping(), {("input",): str(plain.input.shape), **comments})


def _all(layer: Layer) -> Iterator[Layer]:
    for child in layer.children:
        yield child
        yield from _all(child)


def _places(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The path of every layer inside a value, with the place by which its config is known."""
    if isinstance(value, LayerConfig):
        yield path, value.where
        for name, item in value:
            yield from _places(item, (*path, kind_of(value), name))
    elif isinstance(value, (tuple, dict)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(item, (*path, key))
