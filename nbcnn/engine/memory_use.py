"""Memory use of a network's buffers, computed from shapes before any is allocated."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from nbcnn.engine.network import Network
from nbcnn.engine.thread_pool import available_threads
from nbcnn.errors import ConfigError, NbcnnError, ShapeError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import AUTO, scratch
from nbcnn.util.memory import gigabytes, memory

MOST_THREADS = 1024
"""As in the config."""


class Part(NamedTuple):
    """Bytes that one thread needs, and for what: ``its outputs take``."""

    bytes: int
    words: str


class Footprint(NamedTuple):
    """``threads`` threads that need ``parts`` each, and ``common`` bytes for all of them."""

    parts: tuple[Part, ...]
    common: int
    threads: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.common + self.threads * sum(part.bytes for part in self.parts)


def threads_that_fit(network: Network, training: bool, threads: int | None) -> int:
    """The threads for a network: those asked for, else as many as the machine has, but not more than fit into memory.

    Results are the same for any number. Raises ShapeError that names the layer which takes most where memory is too
    small for one thread, or for those asked for; ConfigError for a number that no thread can have.
    """
    counted = isinstance(threads, int) and not isinstance(threads, bool) and 1 <= threads <= MOST_THREADS
    if threads is not None and not counted:
        raise ConfigError(f"threads must be a whole number from 1 to {MOST_THREADS:,}, or None, got {threads!r}")
    needed = Footprint(tuple(_parts(network, training)), _common(network, training), threads or 1)
    has = memory()
    if needed.bytes > has.bytes:
        raise ShapeError(_too_large(needed, str(has)))
    if threads is not None:
        return threads
    each = max(1, sum(part.bytes for part in needed.parts))
    fitting = (has.bytes - needed.common) / each
    return max(1, min(available_threads(), int(min(fitting, 1e9))))


def _parts(network: Network, training: bool) -> Iterator[Part]:
    """Of a thread: packs of the input and of each layer's output, their gradients, the largest scratch."""
    size = network.dtype.itemsize
    yield Part(size * LANES * prod(network.in_shape), "16 images of the input take")
    largest = Part(0, "")
    for layer in network.layers():
        if layer.op is None:
            continue
        shape = "×".join(f"{n:,}" for n in layer.out_shape)
        gradients = " and their gradients" if training else ""
        words = f"{layer.where}: its outputs{gradients} ({shape} for each of 16 images) take"
        yield Part((1 + training) * size * LANES * prod(layer.out_shape), words)
        if layer.backend != AUTO and layer.problem is not None:
            needed = size * _scratch(layer.problem, layer.backend or "")
            largest = max(largest, Part(needed, f"{layer.where}: the scratch of backend {layer.backend} takes"))
    yield largest
    if training:
        yield Part(network.parameters.nbytes, "the gradients of all parameters take")


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
    each = f" on each of {needed.threads} threads" if needed.threads > 1 else ""
    fewer = ", or fewer threads" if needed.threads > 1 else ""
    return (
        f"{part.words} {gigabytes(part.bytes)}{each}, and all buffers of this network {gigabytes(needed.bytes)}, "
        f"but {has}: use less padding, fewer channels, larger strides, smaller images, another backend{fewer}"
    )
