"""A quick timing of each kernel call of a training step: seconds for one pack of 16 images, in one thread.

The calls are those of a step, in its order, an activation and the pooling after it in one; the pixels are random. It is
a look, not a race: ``nbcnn kernels explain`` times every backend, with all threads at work.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from nbcnn.autotune.roofline import Peak
from nbcnn.autotune.step_timing import StepPlan
from nbcnn.engine.fusion import fuse
from nbcnn.engine.network import Network
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import AUTO, cost
from nbcnn.util.blas import one_blas_thread

SECONDS = 0.15
"""How long all steps together take, unless two of them take longer."""
MOST, LEAST = 15, 2
"""Steps that are timed; before them comes one that is not."""


class LayerTime(NamedTuple):
    """``layers`` are paths, two where one call does both; ``seconds`` of a pack by direction, and its ``macs``."""

    layers: tuple[str, ...]
    seconds: dict[str, float]
    macs: int


def layer_times(network: Network, seconds: float = SECONDS) -> list[LayerTime]:
    """The time of every layer that has kernels, in the network's order; kernels that are new are compiled first.

    The figure of a call is the lower quartile of its times. Raises ShapeError where memory is too small.
    """
    plan = StepPlan(network, True)
    calls = fuse(plan.calls_with({layer.path: str(layer.backend) for layer in network.layers() if layer.op}))
    found = np.zeros((0, len(calls)))
    with one_blas_thread(), np.errstate(all="ignore"):
        for call in calls:
            call.kernel(*call.arrays)
        begun = time.perf_counter()
        while len(found) < LEAST or (len(found) < MOST and time.perf_counter() - begun < seconds):
            stamps = [time.perf_counter()]
            for call in calls:
                call.kernel(*call.arrays)
                stamps.append(time.perf_counter())
            found = np.vstack([found, np.diff(stamps)])
    spent = np.quantile(found, 0.25, axis=0).tolist()
    problems, by_layers = plan.problems, dict[tuple[str, ...], dict[str, float]]()
    for call, took in zip(calls, spent, strict=True):
        paths = tuple(call.layer.split("+"))
        if all(path in problems for path in paths):
            own = by_layers.setdefault(paths, {})
            own[call.direction] = own.get(call.direction, 0.0) + took
    macs = {path: LANES * problem.macs for path, problem in problems.items()}
    made = [
        LayerTime(paths, own, len(own) * sum(macs[path] for path in paths)) for paths, own in by_layers.items()
    ]  # fmt: skip
    return sorted(made, key=lambda one: list(problems).index(one.layers[0]))


def predicted_seconds(network: Network, times: list[LayerTime], peak: Peak) -> list[float]:
    """What the roofline says of each: the sum of its calls' max(2·MACs / flops, bytes / bandwidth)."""
    plan = StepPlan(network, True)
    backends = {layer.path: layer.backend or AUTO for layer in network.layers()}
    size, found = network.dtype.itemsize, []
    for one in times:
        total = 0.0
        for path in one.layers:
            work = cost(plan.problems[path], backends[path])
            for direction in one.seconds:
                if (own := getattr(work, direction, None)) is not None:
                    total += peak.seconds(own.macs, own.numbers * size, plan.footprint)
        found.append(total)
    return found
