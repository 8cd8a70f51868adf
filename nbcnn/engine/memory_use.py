"""Memory use of a network's buffers, computed from shapes before any is allocated."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from nbcnn.engine.network import Network
from nbcnn.errors import ConfigError, NbcnnError, ShapeError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import AUTO, scratch
from nbcnn.layers import Layer
from nbcnn.layers.batch_norm import BatchNorm
from nbcnn.layers.branches import Parallel
from nbcnn.layers.composite import Sequential
from nbcnn.layers.dense import Dense
from nbcnn.layers.dropout import Dropout
from nbcnn.util.cpu_quota import available_threads
from nbcnn.util.memory import gigabytes, memory

MOST_THREADS = 1024
"""As in the config."""


class Part(NamedTuple):
    """Bytes that one thread needs, or all of them in ``common``, and for what: ``its outputs take``."""

    bytes: int
    words: str
    common: bool = False


class Footprint(NamedTuple):
    """``threads`` threads that need ``parts`` each, and ``common`` bytes for all of them."""

    parts: tuple[Part, ...]
    common: int
    threads: int

    @property
    def bytes(self) -> int:
        """All of it."""
        shared = sum(part.bytes for part in self.parts if part.common)
        return self.common + shared + self.threads * self.each

    @property
    def each(self) -> int:
        """What every thread needs besides."""
        return sum(part.bytes for part in self.parts if not part.common)


def threads_that_fit(network: Network, training: bool, threads: int | None, serial: bool = False) -> int:
    """The threads for a network: those asked for, else as many as the machine has, but not more than fit into memory.

    Results are the same for any number. ``serial``: for the serial executor, which plans no memory.

    Raises ShapeError that names the layer which takes most where memory is too small for one thread, or for those asked
    for; ConfigError for a number that no thread can have.
    """
    counted = isinstance(threads, int) and not isinstance(threads, bool) and 1 <= threads <= MOST_THREADS
    if threads is not None and not counted:
        raise ConfigError(f"threads must be a whole number from 1 to {MOST_THREADS:,}, or None, got {threads!r}")
    needed = Footprint(tuple(_parts(network, training, serial)), _common(network, training), threads or 1)
    has = memory()
    if needed.bytes > has.bytes:
        raise ShapeError(_too_large(needed, str(has)))
    if threads is not None:
        return threads
    fitting = 1 + (has.bytes - needed.bytes) / max(1, needed.each)
    return max(1, min(available_threads(), int(min(fitting, 1e9))))


def _parts(network: Network, training: bool, serial: bool = False) -> Iterator[Part]:
    """Of a thread: packs of the input and of each layer's output, their gradients, the largest scratch.

    Where a layer needs the whole batch, outputs are kept for every pack of it, and the gradients of that layer and of
    a sum of branches with such a layer too; in the serial executor all are.
    """
    size = network.dtype.itemsize
    packs = _kept_packs(network) if training else 1
    images = f"{LANES * packs:,} images"
    yield Part(packs * size * LANES * prod(network.in_shape), f"{images} of the input take", packs > 1)
    largest = Part(0, "")
    for layer in _with_joins(network.root):
        shape = "×".join(f"{n:,}" for n in layer.out_shape)
        outputs = size * LANES * (prod(layer.out_shape) if serial else _numbers(layer))
        branches = len(layer.children) if serial else max(0, len(layer.children) - 1)  # the first has the input's own
        copies = size * LANES * branches * prod(layer.in_shape)  # of the gradient, where branches read one array
        gradients = outputs + copies if training else 0
        if packs == 1:
            words = f"its outputs{' and their gradients' if training else ''} ({shape} for each of {images}) take"
            yield Part(outputs + gradients, f"{layer.where}: {words}")
        else:
            all_kept = serial or _ends_stage(layer)
            words = f"its outputs{' and their gradients' if all_kept else ''} ({shape} for each of {images}) take"
            kept = outputs + gradients if all_kept else outputs
            yield Part(packs * kept, f"{layer.where}: batch norm needs the whole batch, and {words}", True)
            yield Part(0 if all_kept else gradients, f"{layer.where}: the gradients of its outputs take")
        if layer.op and layer.backend != AUTO and layer.problem is not None:
            needed = size * _scratch(layer.problem, layer.backend or "")
            largest = max(largest, Part(needed, f"{layer.where}: the scratch of backend {layer.backend} takes"))
    yield largest
    if training:
        apart = packs if serial else 1
        yield Part(apart * network.parameters.nbytes, "the gradients of all parameters take")


def _with_joins(layer: Layer) -> Iterator[Layer]:
    """The layers that have arrays of their own: those with arithmetic, and where branches become one."""
    for child in layer.children:
        yield from _with_joins(child)
    if layer.op is not None or isinstance(layer, Dropout) or (layer.children and not isinstance(layer, Sequential)):
        yield layer


def _numbers(layer: Layer) -> int:
    """The outputs of a layer for one image that no layer inside it has counted.

    Branches that are concatenated write into the array which joins them; what is copied there is an input handed on.
    """
    if isinstance(layer, Dense):
        return prod(layer.in_shape)
    if isinstance(layer, Parallel) and layer.config.merge == "concat":
        return sum(prod(branch.out_shape) for branch in layer.children if not any(_with_joins(branch)))
    return prod(layer.out_shape)


def _ends_stage(layer: Layer) -> bool:
    """Whether a layer, or one inside it, needs the whole batch."""
    return isinstance(layer, BatchNorm) or any(_ends_stage(child) for child in layer.children)


def _kept_packs(network: Network) -> int:
    """The packs of a batch whose numbers are kept at a time: all, where a layer needs the whole batch, else one."""
    if not _ends_stage(network.root):
        return 1
    return -(-network.config.train.batch_size // LANES)


def _scratch(problem: object, name: str) -> int:
    try:
        return scratch(problem, name)
    except NbcnnError:  # a refusal, or what a plugin raises: told where the layer is bound
        return 0


def _common(network: Network, training: bool) -> int:
    """What all threads share: the sum of gradients, two arrays of an optimizer, and averaged weights."""
    copies = 3 + (network.config.train.ema is not None)
    return copies * network.parameters.nbytes if training else 0


def _too_large(needed: Footprint, has: str) -> str:
    part = max(needed.parts, key=lambda part: part.bytes)
    each = f" on each of {needed.threads} threads" if needed.threads > 1 and not part.common else ""
    fewer = ", or fewer threads" if needed.threads > 1 else ""
    if part.common:
        fewer = ", smaller batches" + fewer
    return (
        f"{part.words} {gigabytes(part.bytes)}{each}, and all buffers of this network {gigabytes(needed.bytes)}, "
        f"but {has}: use less padding, fewer channels, larger strides, smaller images, another backend{fewer}"
    )
