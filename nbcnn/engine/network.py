"""A network: layers with known shapes, and their parameters in one flat buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from nbcnn.config import Config
from nbcnn.data.picture import PictureSettings
from nbcnn.engine.initialization import initial
from nbcnn.errors import ShapeError
from nbcnn.kernels.registry import AUTO
from nbcnn.layers import Layer
from nbcnn.layers.base import Buffer, LayerConfig, Parameter
from nbcnn.layers.composite import Sequential, all_tensors, sequence, written_out
from nbcnn.runs.checkpoint import convert_weights
from nbcnn.runs.state_dict import as_arrays
from nbcnn.util.memory import gigabytes, memory


class Network:
    """Layers and initialised parameters as a config describes them; ``Model`` (training/model.py) adds the engine.

    ``parameters`` is the flat buffer that optimizers step over, ``shapes`` are those of the tensors in it. ``tensors``
    are views into it and, beside it, the tensors that layers keep (PyTorch's buffers, such as a running mean), under
    the names and in the order that a PyTorch ``nn.Sequential`` of the same layers gives. Raises ShapeError where layers
    do not fit.
    """

    def __init__(self, config: Config, dtype: str = "float32") -> None:
        self.config = config
        self.dtype = np.dtype(dtype)
        self.root = layers_of(config)
        tensors = all_tensors(self.root)
        parameters = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Parameter)}
        self._order = tuple(tensors)
        self._need_images = [layer for layer in leaves(self.root) if layer.least_images > 1]
        self.shapes = {name: parameter.shape for name, parameter in parameters.items()}
        if sum(prod(shape) for shape in self.shapes.values()) * self.dtype.itemsize > memory().bytes:
            raise ShapeError(_too_large(self.root, self.shapes))  # some systems promise more than they have
        try:
            self.parameters = np.zeros(sum(prod(shape) for shape in self.shapes.values()), self.dtype)
            self.buffers = {
                name: np.full(tensor.shape, tensor.start, tensor.dtype or dtype)
                for name, tensor in tensors.items()
                if isinstance(tensor, Buffer)
            }
            self.tensors = self._all_tensors()
            for name, numbers in initial(parameters, config.train.init, config.train.seed).items():
                self.tensors[name][...] = numbers
        except (MemoryError, ValueError):
            raise ShapeError(_too_large(self.root, self.shapes)) from None
        self.classes: tuple[str, ...] = ()
        """Names of the outputs, in order; () where they are not known, as with labels of IDX files."""
        self.trained_on: Mapping[str, Any] = {}
        """What run.json says of the data of its training; {} for a network that no run was loaded for."""
        self.reading: PictureSettings | None = None
        """How pictures become what it has learned from; None where nobody has recorded it."""
        self.chosen: frozenset[str] = frozenset()
        """Paths of the layers whose backends ``auto`` has chosen."""

    @property
    def in_shape(self) -> tuple[int, ...]:
        """(C, H, W)"""
        return self.root.in_shape

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Shape of one image's output, (K,) for a classifier."""
        return self.root.out_shape

    def layers(self) -> Iterator[Layer]:
        """All layers that are not made of others, in order."""
        return leaves(self.root)

    def check_batch(self, images: int) -> None:
        """Raise ShapeError where a layer can't be trained on a batch of so many images, as batch norm on one value."""
        for layer in self._need_images if images < 2 else ():
            raise ShapeError(
                f"{layer.where}: it has one number a channel and image, so a batch of 1 image has 1 value a "
                "channel, whose variance is Σ(x - μ)²/(1 - 1) = 0/0. Take a batch_size that leaves no batch of 1 image "
                "at the end of an epoch, or normalize what has more values: rows and columns, before the last pooling"
            )

    def choose_backends(self, names: Mapping[str, str]) -> None:
        """Put these backends, by layer path, in the place of ``auto``, in the config too; parameters stay."""
        config = with_backends(self.config, self.root, names)
        root, chosen = layers_of(config), frozenset(names)
        self.config, self.root, self.chosen = config, root, chosen  # at once, or not at all if that is interrupted

    def __repr__(self) -> str:
        name, size = f"{type(self).__name__} {self.config.name}", f"{self.parameters.size:,} parameters"
        return f"<{name}: {self.in_shape} to {self.out_shape}, {size}>"

    def _all_tensors(self) -> dict[str, np.ndarray]:
        found = views(self.parameters, self.shapes) | self.buffers
        return {name: found[name] for name in self._order}

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of all tensors, by name."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all tensors by name: parameters, and what layers keep beside them."""
        return {name: tensor.copy() for name, tensor in self.tensors.items()}

    def load_state_dict(self, tensors: Mapping[str, Any], source: str | None = None) -> None:
        """Take all tensors from a mapping of names to arrays, or to what becomes one: PyTorch's tensors, lists.

        All or, where one does not fit, none. Raises CheckpointError naming the first that differs, and both shapes, or
        that holds a number too large for a parameter. ``source`` is the file that they are of.
        """
        arrays = as_arrays(tensors, source or "state dict")
        found = convert_weights(
            arrays, self.tensor_shapes, source or "state dict", self.dtype.name, in_python=source is None
        )
        for name, view in self.tensors.items():
            view[...] = found[name]

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: views would not be views of the copy's parameters."""
        return {name: value for name, value in vars(self).items() if name != "tensors"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.tensors = self._all_tensors()

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where names are not known."""
        return self.classes[index] if index < len(self.classes) else str(index)


def views(flat: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Each tensor as a view into the flat buffer, one after the other."""
    tensors, first = {}, 0
    for name, shape in shapes.items():
        tensors[name] = flat[first : first + prod(shape)].reshape(shape)
        first += prod(shape)
    return tensors


def layers_of(config: Config) -> Sequential:
    """The layers that a config describes, with their shapes and without any numbers; raises ShapeError.

    A layer that stands for others is written out.
    """
    return Sequential("sequential", sequence(written_out(config.layers)), config.input.shape, "")


@contextmanager
def unchanged(network: Network, gradient: np.ndarray) -> Iterator[None]:
    """Put a gradient and all that layers keep back to what they were before."""
    arrays = [gradient, *network.buffers.values()]
    before = [array.copy() for array in arrays]
    yield
    for array, kept in zip(arrays, before, strict=True):
        array[...] = kept


def shapes_of(config: Config) -> dict[str, tuple[int, ...]]:
    """The names and shapes of all tensors in a file of weights, without any numbers; raises ShapeError."""
    return {name: tensor.shape for name, tensor in all_tensors(layers_of(config)).items()}


def with_backends(config: Config, root: Sequential, names: Mapping[str, str]) -> Config:
    """The config of ``root`` with other backends for the layers at these paths, and no ``auto`` for whole ops."""
    chosen = {id(layer.config): names[layer.path] for layer in leaves(root) if layer.path in names}
    layers = with_settings(
        root.config.layers, lambda config: {"backend": chosen[id(config)]} if id(config) in chosen else {}
    )
    backends = {op: name for op, name in config.backends.items() if name != AUTO}
    return config.model_copy(update={"layers": layers, "backends": backends})


def with_settings(layers: Any, settings: Callable[[LayerConfig], Mapping[str, Any]]) -> Any:
    """The same layers, those inside others too, with what ``settings`` gives for each in place of its own."""
    if isinstance(layers, tuple):
        return tuple(with_settings(layer, settings) for layer in layers)
    if not isinstance(layers, LayerConfig):
        return layers
    inner = {name: with_settings(value, settings) for name, value in layers if isinstance(value, tuple)}
    return layers.model_copy(update={**inner, **settings(layers)})


def leaves(layer: Layer) -> Iterator[Layer]:
    """The layers inside a layer that are not made of others, in order."""
    if not layer.children:
        yield layer
    for child in layer.children:
        yield from leaves(child)


def _too_large(root: Layer, shapes: Mapping[str, tuple[int, ...]]) -> str:
    name, shape = max(shapes.items(), key=lambda item: prod(item[1]))
    size = gigabytes(4 * sum(prod(shape) for shape in shapes.values()))
    where = next((f"{layer.where}: " for layer in leaves(root) if layer.path == name.rpartition(".")[0]), "")
    return (
        f"{where}the parameters take {size}, more than there is ({memory()}); the largest is {name} {shape}; "
        "use fewer channels or features, or shrink the image before the first linear layer"
    )
