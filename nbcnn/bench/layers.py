"""Timing of the backends of each layer of a network, in every direction that its op has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nbcnn.autotune.kernel_timing import time_kernels
from nbcnn.autotune.sampler import Samples, take_rounds
from nbcnn.bench.batch import arrays_of, batch_contest
from nbcnn.bench.peers.base import Peer
from nbcnn.bench.results import Contest, Seconds, Tell, contenders, hold, silent
from nbcnn.config import Config
from nbcnn.engine.network import layers_of, leaves
from nbcnn.errors import KernelError, PeerError
from nbcnn.kernels.registry import backend_names, op_names, refusals
from nbcnn.layers import Layer
from nbcnn.util.formatting import times
from nbcnn.util.suggestions import nearest

BATCH = 256
"""Images of a timing beside peers."""


class Raced(NamedTuple):
    """The timings of one problem, and the layers that have it: their paths in the network."""

    layers: list[str]
    contest: Contest

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"layers": self.layers, **self.contest.as_json()}


def race_layers(
    config: Config,
    ops: Sequence[str] = ("conv2d",),
    wanted: Sequence[str] = (),
    threads: int = 1,
    rounds: int = 7,
    tell: Tell = silent,
    race: Callable[..., Seconds] = time_kernels,
    peers: Mapping[str, Peer] | None = None,
    take: Callable[..., Samples] = take_rounds,
) -> list[Raced]:
    """Time all layers of the ops; layers with the same problem share a timing.

    ``wanted`` are ``OP=NAME``, the backends to time, all where there is none for an op. With ``peers`` timing is on a
    batch of BATCH images. Raises KernelError for an op that no layer has, for an unknown backend, and where none of
    those wanted can do a layer; PeerError where peers can't take part or don't compute the same.
    """
    found = []
    if peers and tuple(ops) != ("conv2d",):
        raise PeerError(
            f"--against: there is nothing to compare with for --op {', '.join(ops)}; peers race conv2d alone"
        )
    problems = problems_of(config, ops)
    for problem, layers in problems.items():  # mistakes are reported before the first timing
        _somebody_can(problem, contenders(problem.op, wanted), layers[0])
    for problem, layers in problems.items():
        names = contenders(problem.op, wanted)
        paths = [layer.path for layer in layers]
        tell(f"layer {', '.join(paths)}: {describe(problem)}")
        if peers:
            absent = refusals(problem, names)
            able = [name for name in names if name not in absent]
            contest = batch_contest(arrays_of(problem, BATCH), able, absent, peers, threads, rounds, take)
        else:
            contest = hold(problem, names, threads, rounds, race)
        found.append(Raced(paths, contest))
    return found


def problems_of(config: Config, ops: Sequence[str]) -> dict[Any, list[Layer]]:
    """The different problems of the network's layers of these ops, each with its layers, in order."""
    layers = [layer for layer in leaves(layers_of(config)) if layer.op]
    used = sorted({str(layer.op) for layer in layers})
    for op in ops:
        if op not in op_names():
            raise KernelError(f"--op {op}: unknown op; {nearest(op, op_names())}")
        if op not in used:
            has = ", ".join(used) or "no kernels"
            raise KernelError(f"--op {op}: no layer of {config.name} uses it; it uses {has}")
    problems: dict[Any, list[Layer]] = {}
    for layer in layers:
        if layer.op in ops:
            problems.setdefault(layer.problem, []).append(layer)
    return problems


def _somebody_can(problem: Any, names: Sequence[str], layer: Layer) -> None:
    absent = refusals(problem, names)
    if len(absent) < len(names):
        return
    reasons = "; ".join(f"{name} can't do this {problem.op}: {reason}" for name, reason in absent.items())
    cannot = refusals(problem)
    others = [name for name in backend_names(problem.op) if name not in cannot]
    raise KernelError(f"{layer.where}: {reasons}; these can: {', '.join(others) or 'none'}")


def describe(problem: Any) -> str:
    """A problem in a few words: ``conv2d 6 to 16 channels, 14×14, kernel 5×5``."""
    if not hasattr(problem, "kernel_size"):
        return f"{problem.op} {' to '.join(str(n) for n in (*problem.x_shape, *problem.y_shape))}"
    channels = f"{problem.x_shape[0]} to {problem.y_shape[0]} channels"
    words = f"{problem.op} {channels}, {times(problem.x_shape[1:])}, kernel {times(problem.kernel_size)}"
    if problem.stride != (1, 1):
        words += f", stride {times(problem.stride)}"
    if any(problem.padding):
        top, bottom, left, right = problem.padding
        same = len({top, bottom, left, right}) == 1
        words += f", padding {top if same else times((top, bottom, left, right))}"
    if problem.dilation != (1, 1):
        words += f", dilation {times(problem.dilation)}"
    groups = getattr(problem, "groups", 1)
    return words + (f", {groups} groups" if groups != 1 else "")
