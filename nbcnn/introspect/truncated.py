"""A network that ends at one of its layers, inside branches too: all that the layer's output is computed from."""

from __future__ import annotations

from nbcnn.engine.network import Network, leaves
from nbcnn.errors import ConfigError
from nbcnn.layers import Layer, LayerConfig
from nbcnn.layers.branches import Branches
from nbcnn.layers.composite import Sequential
from nbcnn.layers.dense import Dense


def truncated(network: Network, path: str) -> Network:
    """The network up to the layer at this path, with the same numbers. Raises ConfigError inside a plugin's layer.

    Of branches only the one with the layer is left, of ``dense`` the layers before it.
    """
    configs, kept = _until(network.root, path)
    plain = network.config.train.model_copy(update={"class_weights": None, "label_smoothing": 0.0})
    config = network.config.model_copy(update={"layers": tuple(configs), "train": plain})
    made = Network(config, network.dtype.name)
    for old, new in zip(kept, leaves(made.root), strict=True):
        for name in (*new.parameters(), *new.buffers()):
            made.tensors[f"{new.path}.{name}"][...] = network.tensors[f"{old}.{name}"]
    return made


def _until(layer: Layer, path: str) -> tuple[list[LayerConfig], list[str]]:
    """The configs of a chain of layers that ends with the one at ``path``, and the paths of its leaves."""
    if layer.path == path:
        return [layer.config], [leaf.path for leaf in leaves(layer)]
    number, child = next((n, each) for n, each in enumerate(layer.children) if _holds(each, path))
    before = layer.children[:number]
    configs, kept = _until(child, path)
    if isinstance(layer, Sequential):
        first = [each.config for each in before]
    elif isinstance(layer, Dense):
        first = [layer.config.model_copy(update={"layers": layer.config.layers[:number]})] if before else []
    elif isinstance(layer, Branches):
        return configs, kept
    else:
        raise ConfigError(f"{layer.where}: nothing is known of how its layers are joined; look at its own output")
    return [*first, *configs], [*(leaf.path for each in before for leaf in leaves(each)), *kept]


def _holds(layer: Layer, path: str) -> bool:
    return path == layer.path or path.startswith(f"{layer.path}.")
