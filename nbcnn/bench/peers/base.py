"""The interface of a peer: another library that runs the same network with the same weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from nbcnn.errors import PeerError
from nbcnn.util.registry import Registry
from nbcnn.util.suggestions import nearest

if TYPE_CHECKING:
    import numpy as np

    from nbcnn.training.model import Model


@dataclass(frozen=True)
class Task:
    """A network with its weights, and the images and sizes to measure it on.

    ``images`` are bytes (M, C, H, W), ``x`` the same as floats, scaled as the network takes them; ``labels`` (M,);
    ``batches`` are the images of each training step, as numbers into these.
    """

    network: Model
    threads: int
    images: np.ndarray
    x: np.ndarray
    labels: np.ndarray
    batches: Sequence[np.ndarray]


@dataclass(frozen=True)
class Learner:
    """``step(k)`` trains on batch k; the others are copies, by name, of the parameters, of the last gradient, and of
    what layers keep beside them (running means).
    """

    step: Callable[[int], object]
    parameters: Callable[[], dict[str, np.ndarray]]
    gradients: Callable[[], dict[str, np.ndarray]]
    buffers: Callable[[], dict[str, np.ndarray]] = dict


Forward = Callable[[], "np.ndarray"]
"""The outputs of the images that it was made for."""


@dataclass(frozen=True)
class Child:
    """A child process that makes one training step, then those for ``trained`` images: command, input, environment.

    What it reads is a JSON object on its input, to which ``trained`` and ``started`` are added; ``environment`` are
    variables.
    """

    command: list[str]
    task: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)


class Peer(ABC):
    """One library. Each method returns contenders by the library's variants; {}: it has none."""

    modules: ClassVar[tuple[str, ...]]
    """The module that must be importable."""
    install: ClassVar[str]
    """The command that makes it so."""

    def before(self, threads: int) -> None:
        """The beginning of a turn: what must hold of the whole process while this library runs, if anything."""
        return

    @abstractmethod
    def inference(self, task: Task, x: np.ndarray) -> dict[str, Forward]:
        """The network's outputs for images x."""

    def training(self, task: Task) -> dict[str, Learner]:
        """Training steps with the config's optimizer."""
        return {}

    def layer(self, arrays: Any, threads: int) -> dict[str, dict[str, Callable[[], Any]]]:
        """Of one convolution (batch.Arrays): way → direction → a call that gives the result as NCHW arrays."""
        return {}

    def child(self, task: Task, images: int) -> Child | None:
        """A training process, to be timed from its start."""
        return None


PEERS: Registry[type[Peer]] = Registry("peer", "nbcnn.bench.peers", PeerError)


def peers_of(words: Sequence[str]) -> dict[str, Peer]:
    """The peers named in ``words``, each a list with commas; raises PeerError for one that is unknown or not there."""
    names = [name.strip() for word in words for name in word.split(",")]
    if words and not any(names):
        raise PeerError(f"--against: there is nothing to compare with; {nearest('', PEERS)}")
    found = {}
    for name in dict.fromkeys(name for name in names if name):
        if name not in PEERS:
            raise PeerError(f"--against {name}: unknown peer {name!r}; {nearest(name, PEERS)}")
        peer = PEERS.get(name)
        missing = [module for module in peer.modules if find_spec(module) is None]
        if missing:
            raise PeerError(
                f"--against {name}: {' and '.join(missing)} can't be imported here; to install: {peer.install}"
            )
        found[name] = peer()
    return found
