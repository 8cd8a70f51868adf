"""Backends along an axis: kernel size, image size, channels, batch; and over a plane, kernel size × image size.

Everything else stays as it is, with padding that keeps the image's size, so that what is seen is the axis alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nbcnn.autotune.kernel_timing import take_turns, time_kernels
from nbcnn.bench.batch import arrays_of, batch_contest, batch_race
from nbcnn.bench.interleaved import Samples, take_rounds
from nbcnn.bench.peers.base import Peer
from nbcnn.bench.results import Contest, Seconds, Tell, contenders, hold, left_behind, silent
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import refusals
from nbcnn.util.suggestions import nearest

PATIENCE = 0.005
"""Seconds that a very slow contender may take for a pack and stay; a sweep has many points."""
BATCH = 64
"""Images at once beside peers, where it is not the batch that is varied."""


class Axis(NamedTuple):
    """What is varied, over which values, with everything else fixed: a kernel size, image side, channels, batch."""

    name: str
    title: str
    unit: str
    values: tuple[int, ...]
    kernel: int = 5
    image: int = 28
    channels: int = 16
    batch: int = LANES

    def problem(self, **change: int) -> Conv2dProblem:
        """The convolution with some of its numbers changed; as many channels go out as come in."""
        k, side = change.get("kernel", self.kernel), change.get("image", self.image)
        channels, before, after = change.get("channels", self.channels), (k - 1) // 2, k // 2
        return Conv2dProblem(channels, channels, side, side, (k, k), padding=(before, after, before, after))

    @property
    def fixed(self) -> str:
        """What is not varied, in words."""
        words = {
            "kernel": f"kernel {self.kernel}×{self.kernel}",
            "image": f"image {self.image}×{self.image}",
            "channels": f"{self.channels} channels in and out",
        }
        varied = ("kernel", "image") if self.name == "map" else (self.name,)
        return ", ".join(word for name, word in words.items() if name not in varied)


AXES = {
    axis.name: axis
    for axis in (
        Axis("kernel", "kernel size", "pixels along a side", (1, 3, 5, 7, 9, 11)),
        Axis("image", "image size", "pixels along a side", (8, 12, 16, 24, 32, 48, 64, 96, 128), channels=8),
        Axis("channels", "channels", "in and out", (1, 2, 4, 8, 16, 32, 64, 128), kernel=3),
        Axis("batch", "batch", "images", (1, 2, 4, 8, 16, 32, 64, 128, 256), channels=8),
        Axis("map", "kernel size × image size", "pixels along a side", (8, 16, 32, 64, 128), channels=8),
    )
}
KERNELS = AXES["kernel"].values
"""The kernel sizes of the map, whose own values are image sizes."""


class Point(NamedTuple):
    """A place on an axis, or in the plane, and its contest."""

    at: dict[str, int]
    contest: Contest

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"at": self.at, **self.contest.as_json()}


class Sweep(NamedTuple):
    """All points of an axis."""

    axis: Axis
    points: list[Point]
    images: int | None = None
    """How many at once, beside peers, where it is not this that is varied."""

    @property
    def fixed(self) -> str:
        """What is not varied, in words."""
        return f"{self.axis.fixed}, {self.images} images at once" if self.images else self.axis.fixed

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"axis": self.axis.name, "fixed": self.fixed, "points": [point.as_json() for point in self.points]}


def axes_of(words: Sequence[str]) -> list[Axis]:
    """The axes named in ``words``, lists with commas; ``all`` is all of them. Raises KernelError for an unknown one."""
    names = [name.strip() for word in words for name in word.split(",")]
    for name in names:
        if name not in (*AXES, "all"):
            raise KernelError(f"--sweep {name}: there is no such axis; {nearest(name, [*AXES, 'all'])}")
    return [axis for axis in AXES.values() if axis.name in names or "all" in names]


def sweep(
    axis: Axis,
    wanted: Sequence[str] = (),
    threads: int = 1,
    rounds: int = 3,
    tell: Tell = silent,
    race: Callable[..., Seconds] = time_kernels,
    turns: Callable[..., dict[Any, float]] = take_turns,
    peers: Mapping[str, Peer] | None = None,
    take: Callable[..., Samples] = take_rounds,
) -> Sweep:
    """Race the backends of conv2d, or those that ``wanted`` names, at every point of the axis.

    The very slow ones leave a point after a quick look. Peers take part in their best ways, then on BATCH images at
    once. Raises KernelError for an unknown backend, and where none of those wanted can do any point; PeerError where
    peers don't compute the same.
    """
    names, places, points = able_to(axis, wanted), _places(axis), []
    for number, at in enumerate(places, 1):
        tell(f"{axis.title}: {number} of {len(places)}, {', '.join(f'{name} {value}' for name, value in at.items())}")
        problem = axis.problem(**at)
        absent = refusals(problem, names)
        able = [name for name in names if name not in absent]
        if peers:
            slow = left_behind(time_kernels(problem, able, threads, rounds=1, seconds=0.0), PATIENCE) if able else {}
            able = [name for name in able if name not in slow]
            arrays = arrays_of(problem, at.get("batch", BATCH))
            contest = batch_contest(arrays, able, absent | slow, peers, threads, rounds, take).best_ways(peers)
        elif axis.name == "batch":
            contest = batch_race(arrays_of(problem, at["batch"]), able, absent, threads, rounds, turns)
        else:
            contest = hold(problem, names, threads, rounds, time_kernels, PATIENCE)
        points.append(Point(at, contest))
    return Sweep(axis, points, BATCH if peers and axis.name != "batch" else None)


def able_to(axis: Axis, wanted: Sequence[str] = ()) -> list[str]:
    """The backends of a sweep; raises KernelError for an unknown one, and where none can do any point of the axis."""
    names = contenders("conv2d", wanted)
    absent = [refusals(axis.problem(**at), names) for at in _places(axis)]
    if all(len(each) == len(names) for each in absent):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in absent[0].items())
        raise KernelError(f"--sweep {axis.name}: no backend can do any point of it: {reasons}")
    return names


def _places(axis: Axis) -> list[dict[str, int]]:
    if axis.name == "map":
        return [{"kernel": kernel, "image": image} for kernel in KERNELS for image in axis.values]
    return [{axis.name: value} for value in axis.values]
