"""A network with blur pooling: each stride becomes a blur and then the stride (Zhang 2019, arXiv 1904.11486)."""

from __future__ import annotations

from typing import Any

from nbcnn.engine.network import Network, leaves
from nbcnn.errors import ConfigError
from nbcnn.layers import Layer, LayerConfig
from nbcnn.layers.blur_pool import BlurPool, BlurPoolConfig
from nbcnn.layers.composite import sequence

STRIDED = ("conv2d", "max_pool2d", "avg_pool2d")


def anti_aliased(network: Network) -> Network:
    """The same layers with stride 1, and a blur_pool of their stride behind each: shapes and numbers stay.

    It is another network, which was not trained so. A layer whose output is too small to be blurred, or whose windows
    are rounded up (``ceil_mode``), stays as it is. Raises ConfigError where no layer is left with a stride.
    """
    changed = {id(layer.config) for layer in leaves(network.root) if _strided(layer)}
    if not changed:
        raise ConfigError(f"{network.config.name} has no convolution or pooling with a stride that could be blurred")

    def blurred(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(blurred(item) for item in value)
        if not isinstance(value, LayerConfig):
            return value
        if id(value) in changed:
            given: Any = value
            plain = value.model_copy(update={"stride": (1, 1)})
            return sequence((plain, BlurPoolConfig(stride=given.stride or given.kernel_size)))
        return value.model_copy(update={name: blurred(item) for name, item in value if isinstance(item, tuple)})

    made = Network(
        network.config.model_copy(update={"layers": blurred(network.root.config.layers)}), network.dtype.name
    )
    kept = [leaf for leaf in leaves(made.root) if not isinstance(leaf, BlurPool)]
    old = [leaf for leaf in leaves(network.root) if not isinstance(leaf, BlurPool)]
    for before, after in zip(old, kept, strict=True):
        for name in (*after.parameters(), *after.buffers()):
            made.tensors[f"{after.path}.{name}"][...] = network.tensors[f"{before.path}.{name}"]
    return made


def _strided(layer: Layer) -> bool:
    """Whether a layer has a stride, and gives the same shape with a blur in its place."""
    problem = layer.problem
    if layer.kind not in STRIDED or max(problem.stride) == 1 or getattr(layer.config, "ceil_mode", False):
        return False
    return min(_outputs_at_stride_1(layer, axis) for axis in (0, 1)) > 1


def _outputs_at_stride_1(layer: Layer, axis: int) -> int:
    problem, size = layer.problem, layer.in_shape[1 + axis]
    if getattr(layer.config, "padding", None) == "same":
        return size
    before, after = problem.padding[2 * axis : 2 * axis + 2]
    outputs: int = size + before + after - problem.dilation[axis] * (problem.kernel_size[axis] - 1)
    return outputs
