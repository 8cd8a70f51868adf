"""Benchmark of a whole network at growing batch size, image size, channels and threads, beside other libraries.

Each point is measured as end_to_end.py measures a network; here it is decided which points there are and where an axis
ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from nbcnn.autotune.sampler import Samples, take_rounds
from nbcnn.bench.end_to_end import BATCHES, INFERENCE, measure, measures, task_of
from nbcnn.bench.environment import free_memory
from nbcnn.bench.peers.base import Peer
from nbcnn.bench.results import Tell, listed, silent
from nbcnn.bench.rows import Row
from nbcnn.bench.scaled_config import Plain, macs, widened, widest, with_batch, with_image
from nbcnn.config import Config, load_config
from nbcnn.engine.network import Network
from nbcnn.errors import PeerError, ShapeError
from nbcnn.training.model import Model
from nbcnn.util.cpu_quota import available_threads
from nbcnn.util.formatting import counted

MEASURES = ("training", "inference")
TURN = 0.1
"""Seconds of a turn: an axis has many points."""
PATIENCE = 30.0
"""Seconds that a point may take."""

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
HEIGHTS = (16, 24, 32, 48, 64, 96)
FACTORS = (1, 2, 4, 8, 16)


class Axis(NamedTuple):
    """What is varied: its name on the command line, in full, and what its values count."""

    name: str
    title: str
    unit: str


AXES = {
    axis.name: axis
    for axis in (
        Axis("batch", "batch size", "images"),
        Axis("image", "image size", "pixels high"),
        Axis("channels", "channels", "channels"),
        Axis("threads", "threads", "threads"),
    )
}


class Place(NamedTuple):
    """A value of an axis and what is measured there: a config, ``images`` at once, threads; ``note`` says more."""

    at: int
    plain: Plain
    images: int
    threads: int
    note: str = ""


class Point(NamedTuple):
    """A place that was measured: images a second in all contenders, for each measure."""

    at: int
    note: str
    images: Mapping[str, int]
    rows: Mapping[str, Row]


class Growth(NamedTuple):
    """All points of an axis; ``missing`` are those that were left out or not reached, each with the reason."""

    axis: Axis
    name: str
    fixed: str
    threads: int
    peers: list[str]
    points: list[Point]
    missing: list[tuple[int, str]]

    def rows(self, measure: str) -> list[tuple[Point, Row]]:
        """The points at which a measure was taken, each with its row."""
        return [(point, point.rows[measure]) for point in self.points if measure in point.rows]

    @property
    def measures(self) -> list[str]:
        """Those that were taken, in their usual order."""
        return [name for name in MEASURES if any(name in point.rows for point in self.points)]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: every sample of every point."""
        points = [
            {"at": p.at, "note": p.note, "rows": [row.as_json(self.peers) for row in p.rows.values()]}
            for p in self.points
        ]
        missing = [{"at": at, "why": why} for at, why in self.missing]
        return {"axis": self.axis.name, "fixed": self.fixed, "points": points, "missing": missing}


def growth_axes(words: Sequence[str]) -> list[Axis]:
    """The axes named in ``words``, lists with commas; ``all`` is all of them. Raises KernelError for an unknown one."""
    names = listed("--sweep", words, [*AXES, "all"], "there is no such axis along which a network grows")
    return [axis for axis in AXES.values() if axis.name in names or "all" in names]


def growth_measures(words: Sequence[str]) -> tuple[str, ...]:
    """Those named in ``words``, lists with commas; both where there are none."""
    return measures(words, MEASURES, "a sweep has no such measure")


def places(axis: Axis, config: Config, threads: int) -> list[Place]:
    """The points of an axis for a network; raises KernelError for channels where nothing can have more of them."""
    found = _places(axis, config, threads)
    for place in found:
        place.plain["train"]["threads"] = place.threads  # a network that is called asks its config for them
    return found


def _places(axis: Axis, config: Config, threads: int) -> list[Place]:
    if axis.name == "batch":
        return [Place(n, with_batch(config, n), n, threads) for n in BATCH_SIZES]
    if axis.name == "image":
        heights = sorted({*HEIGHTS, config.input.height})
        return [Place(side, with_image(config, side), INFERENCE, threads) for side in heights]
    if axis.name == "channels":
        most = widest(config)
        return [Place(most * k, widened(config, k), INFERENCE, threads, f"×{k}" if k > 1 else "") for k in FACTORS]
    there = available_threads()
    counts = thread_counts(there)
    return [Place(n, config.to_mapping(), INFERENCE, n, "oversubscribed" if n > there else "") for n in counts]


def thread_counts(available: int) -> list[int]:
    """Powers of two, all that there are, and twice as many."""
    return sorted({*(2**k for k in range(available.bit_length()) if 2**k <= available), available, 2 * available})


def fixed(axis: Axis, config: Config, threads: int) -> str:
    """What is not varied, in words."""
    shape, batch = config.input, config.train.batch_size
    words = {
        "image": f"images {shape.channels}×{shape.height}×{shape.width}",
        "batch": f"batches of {batch}" if batch == INFERENCE else f"batches of {batch}, inference of {INFERENCE}",
        "threads": counted(threads, "thread"),
    }
    kept = ", ".join(word for name, word in words.items() if name != axis.name)
    return f"{kept}; channels of the widest convolution, all hidden layers in step" if axis.name == "channels" else kept


short_rounds = partial(take_rounds, seconds=TURN)


def grow(
    axis: Axis,
    config: Config,
    peers: Mapping[str, Peer],
    only: Sequence[str] = MEASURES,
    threads: int = 1,
    rounds: int = 3,
    patience: float = PATIENCE,
    tell: Tell = silent,
    take: Callable[..., Samples] = short_rounds,
    memory: Callable[[], float | None] = free_memory,
) -> Growth:
    """Measure the network at every point of the axis that it can have, in the time and the memory that there is.

    A point that takes longer than ``patience`` seconds by what the one before it took, or more than half of the free
    memory, ends the axis. Raises the first point's error where none can be measured, and a peer's at the first of them.
    """
    found = Growth(axis, config.name, fixed(axis, config, threads), threads, list(peers), [], [])
    ahead, last, fault = places(axis, config, threads), None, None
    for number, place in enumerate(ahead, 1):
        where = f"{axis.title} {place.at} ({number} of {len(ahead)})"
        try:
            network = Model(load_config(place.plain))
            work = macs(network.config) * place.images
            if why := _too_much(network, place, len(peers), memory()) or _too_long(found, last, work, rounds, patience):
                found.missing.append((place.at, f"the axis ends before it: {why}"))
                break
            task = task_of(network, place.threads, place.images)
            said = partial(lambda where, what: tell(f"{where}: {what}"), where)
            rows = measure(task, {}, peers, only, rounds, said, take, at_once=place.images)
        except (ShapeError, PeerError) as error:
            if isinstance(error, PeerError) and not found.points:
                raise
            fault = fault or error
            found.missing.append((place.at, f"left out: {error}"))
            continue
        images = {"training": len(task.batches[0]), "inference": place.images}
        found.points.append(Point(place.at, place.note, images, {row.measure: row for row in rows}))
        last = work
    if fault and not found.points:
        raise fault
    return found


def _too_long(found: Growth, last: int | None, work: int, rounds: int, patience: float) -> str | None:
    """Why the next point is not begun, if it is not: it is taken that seconds grow as multiply-accumulates do."""
    if last is None:
        return None
    expected = sum(_seconds(found.points[-1], rounds, max(1.0, work / max(last, 1))))
    if expected <= patience:
        return None
    return f"it would take about {expected:,.0f} s, and a point may take {patience:g} (--patience)"


def _seconds(point: Point, rounds: int, growth: float) -> Iterator[float]:
    """What each contender of a point would take with so many times the work: checked, warmed, then timed in rounds."""
    for name, row in point.rows.items():
        for contender in row.samples:
            once = point.images[name] / row.median(contender) * growth
            yield 3 * once + rounds * (once + max(once, TURN))


def _too_much(network: Network, place: Place, peers: int, free: float | None) -> str | None:
    """Why the next point would not fit into memory, if it would not."""
    needed = _bytes(network, place, peers)
    if free is None or needed <= free / 2:
        return None
    return f"it would take about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} are free; half may be used"


def _bytes(network: Network, place: Place, peers: int) -> float:
    """What images, activations, gradients and parameters of nbcnn and of two ways of each peer take, about."""
    batch, each, contenders = network.config.train.batch_size, np.float32().nbytes, 1 + 2 * peers
    images = max(BATCHES * batch, place.images) * prod(network.in_shape) * (1 + each * contenders)
    activations = sum(prod(layer.out_shape) for layer in network.layers()) * 2 * max(batch, place.images)
    return images + contenders * each * (activations + 4 * network.parameters.size)
