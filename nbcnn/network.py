"""A network: layers with known shapes, and their parameters in one flat buffer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from nbcnn.checkpoint import convert_weights
from nbcnn.config import Config
from nbcnn.errors import ShapeError
from nbcnn.init import initial
from nbcnn.kernels.registry import AUTO
from nbcnn.layers import Layer
from nbcnn.layers.base import LayerConfig
from nbcnn.layers.composite import Sequential, SequentialConfig, all_parameters
from nbcnn.locks import module_lock
from nbcnn.memory import gigabytes, memory, no_memory_error
from nbcnn.picture import Reading
from nbcnn.tensor_dicts import as_arrays

if TYPE_CHECKING:
    from nbcnn.engine import Engine


_making = module_lock()


class Network:
    """What a config describes, with initialised parameters. Calling it on (N, C, H, W) gives the last layer's output.

    ``parameters`` is the flat buffer that optimizers step over; ``tensors`` are views into it, under the names that a
    PyTorch ``nn.Sequential`` of the same layers gives. Raises ShapeError where layers do not fit.
    """

    def __init__(self, config: Config, dtype: str = "float32") -> None:
        self.config = config
        self.dtype = np.dtype(dtype)
        self.root = layers_of(config)
        parameters = all_parameters(self.root)
        self.shapes = {name: parameter.shape for name, parameter in parameters.items()}
        if sum(prod(shape) for shape in self.shapes.values()) * self.dtype.itemsize > memory().bytes:
            raise ShapeError(_too_large(self.root, self.shapes))  # some systems promise more than they have
        try:
            self.parameters = np.zeros(sum(prod(shape) for shape in self.shapes.values()), self.dtype)
            self.tensors = views(self.parameters, self.shapes)
            for name, numbers in initial(parameters, config.train.init, config.train.seed).items():
                self.tensors[name][...] = numbers
        except (MemoryError, ValueError):
            raise ShapeError(_too_large(self.root, self.shapes)) from None
        self.classes: tuple[str, ...] = ()
        """Names of the outputs, in order; () where they are not known, as with labels of IDX files."""
        self.trained_on: Mapping[str, Any] = {}
        """What run.json says of the data of its training; {} for a network that no run was loaded for."""
        self.reading: Reading | None = None
        """How pictures become what it has learned from; None where nobody has recorded it."""
        self.chosen: frozenset[str] = frozenset()
        """Paths of the layers whose backends ``auto`` has chosen."""
        self._engine: Engine | None = None

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

    def choose_backends(self, names: Mapping[str, str]) -> None:
        """Put these backends, by layer path, in the place of ``auto``, in the config too; parameters stay."""
        config = with_backends(self.config, self.root, names)
        root, chosen = layers_of(config), frozenset(names)
        self.config, self.root, self.chosen = config, root, chosen  # at once, or not at all if that is interrupted

    def __repr__(self) -> str:
        return f"<Network {self.config.name}: {self.in_shape} to {self.out_shape}, {self.parameters.size:,} parameters>"

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters by name."""
        return {name: tensor.copy() for name, tensor in self.tensors.items()}

    def load_state_dict(self, tensors: Mapping[str, Any], source: str | None = None) -> None:
        """Take all parameters from a mapping of names to arrays, or to what becomes one: PyTorch's tensors, lists.

        All or, where one does not fit, none. Raises CheckpointError naming the first that differs, and both shapes, or
        that holds a number too large for a parameter. ``source`` is the file that they are of.
        """
        arrays = as_arrays(tensors, source or "state dict")
        found = convert_weights(arrays, self.shapes, source or "state dict", self.dtype.name, in_python=source is None)
        for name, view in self.tensors.items():
            view[...] = found[name]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Outputs (N, …) of float32 images x (N, C, H, W), scaled as in training (pixel / 255, less mean, by std).

        A float64 x is rounded to float32. Raises ShapeError for another shape, also where the channels come last, and
        for numbers that float32 can't hold.
        """
        self.check_input(x)
        with no_memory_error(f"{len(x):,} images at once", "give fewer at a time"):
            with np.errstate(over="ignore"):
                images = np.ascontiguousarray(x, self.dtype)
            if x.dtype.itemsize > images.itemsize and not np.array_equal(np.isinf(images), np.isinf(x)):
                raise ShapeError(f"x holds numbers that {self.dtype} can't, beyond 3.4e38; scale pixels as in training")
            return self.scores(images)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """As calling the network, for images (N, C, H, W) of any kind: bytes are scaled as in training.

        Threads may call at once: they take turns.
        """
        engine = self._engine or self._make_engine()
        with no_memory_error(f"{len(images):,} images at once", "give fewer at a time"):
            images = np.ascontiguousarray(images)
            # Numba would compile anew for an array that can't be written to, as pictures that were read can't.
            return engine.predict(images if images.flags.writeable else images.copy())

    def _make_engine(self) -> Engine:
        from nbcnn.engine import Engine

        with _making:
            if self._engine is None:
                self._engine = Engine(self, training=False, threads=self.config.train.threads)
            return self._engine

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: views would not be views of the copy's parameters, and threads can't go along."""
        return {name: value for name, value in vars(self).items() if name not in ("tensors", "_engine")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.tensors, self._engine = views(self.parameters, self.shapes), None

    def class_name(self, index: int) -> str:
        """The name of a class, or its number where names are not known."""
        return self.classes[index] if index < len(self.classes) else str(index)

    def check_input(self, x: np.ndarray) -> None:
        """Raise ShapeError with the likely cause unless x is a float array (N, *in_shape)."""
        if isinstance(x, np.ma.MaskedArray):
            raise ShapeError("x is a masked array; fill its gaps first: x.filled(0)")
        if isinstance(x, np.ndarray) and x.shape[1:] == self.root.in_shape and x.dtype.kind == "f":
            return
        c, h, w = self.in_shape
        wanted = f"expected float32 images of shape (N, {c}, {h}, {w})"
        if not isinstance(x, np.ndarray):
            raise ShapeError(f"{wanted}, got {type(x).__name__}; pass a NumPy array")
        if x.shape[1:] != self.in_shape:
            hint = f"every image must have {c} channel(s), {h} rows and {w} columns"
            if x.shape == self.in_shape:
                hint = "this is one image without the batch axis: pass x[None]"
            elif x.ndim == 4 and x.shape[1:] == (h, w, c):
                hint = (
                    "this is probably (N, H, W, C), channels last: pass np.ascontiguousarray(x.transpose(0, 3, 1, 2))"
                )
            elif c == 1 and x.shape[1:] == (h, w):
                hint = "the channel axis is missing: pass x[:, None]"
            raise ShapeError(f"{wanted}, got shape {x.shape}; {hint}")
        if x.dtype.kind != "f":
            raise ShapeError(f"{wanted}, got {x.dtype} numbers; scale bytes as in training: x.astype('float32') / 255")


def views(flat: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Each tensor as a view into the flat buffer, one after the other."""
    tensors, first = {}, 0
    for name, shape in shapes.items():
        tensors[name] = flat[first : first + prod(shape)].reshape(shape)
        first += prod(shape)
    return tensors


def layers_of(config: Config) -> Sequential:
    """The layers that a config describes, with their shapes and without any numbers; raises ShapeError."""
    return Sequential("sequential", SequentialConfig(layers=config.layers), config.input.shape, "")


def shapes_of(config: Config) -> dict[str, tuple[int, ...]]:
    """The parameters' names and shapes, without any numbers; raises ShapeError."""
    return {name: parameter.shape for name, parameter in all_parameters(layers_of(config)).items()}


def with_backends(config: Config, root: Sequential, names: Mapping[str, str]) -> Config:
    """The config of ``root`` with other backends for the layers at these paths, and no ``auto`` for whole ops."""
    chosen = {id(layer.config): names[layer.path] for layer in leaves(root) if layer.path in names}

    def replaced(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(replaced(item) for item in value)
        if not isinstance(value, LayerConfig):
            return value
        update = {name: replaced(item) for name, item in value if isinstance(item, tuple)}
        if id(value) in chosen:
            update["backend"] = chosen[id(value)]
        return value.model_copy(update=update)

    backends = {op: name for op, name in config.backends.items() if name != AUTO}
    return config.model_copy(update={"layers": replaced(root.config.layers), "backends": backends})


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
