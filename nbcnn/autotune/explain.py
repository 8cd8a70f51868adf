"""Why a backend is fast or slow on a layer: what it does, what that should take on this machine, what it takes.

The prediction is the roofline: t = max(2·MACs / P, bytes / B), with P the fastest multiply-adds and B the fastest
copying that one thread of this machine was measured at (nbcnn/autotune/roofline.py), and MACs and bytes what the
backend itself says it does (its ``cost``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nbcnn.autotune.auto import Timer, resolve_auto
from nbcnn.autotune.choice import cannot_run, not_for_auto
from nbcnn.autotune.kernel_timing import time_kernels
from nbcnn.autotune.roofline import Peak, measured_peak
from nbcnn.autotune.step_timing import StepPlan
from nbcnn.config import Config
from nbcnn.engine.memory_use import threads_that_fit
from nbcnn.engine.network import Network
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import backend, backend_names, cost, tolerance


@dataclass(frozen=True)
class Pass:
    """One direction of a candidate: what it does with a pack of 16 images; seconds predicted and measured.

    ``bound`` is what the prediction is limited by, ``arithmetic`` or ``memory``; ``gflops`` counts two operations for
    each multiply-add really done, and ``share`` is that of the peak.
    """

    macs: int
    bytes: int
    predicted: float
    bound: str
    measured: float
    gflops: float
    share: float


@dataclass(frozen=True)
class Candidate:
    """A backend of a layer's op; ``reason`` is why it can't do the layer, ``not_for_auto`` why auto won't choose it.

    ``scratch`` is in bytes, ``tolerance`` as in contract.Backend. Sums are of all directions that a run needs.
    """

    name: str
    reason: str | None
    not_for_auto: str | None
    configured: bool
    fastest: bool = False
    scratch: int = 0
    tolerance: float = 0.0
    passes: Mapping[str, Pass] = field(default_factory=dict)
    predicted: float = 0.0
    measured: float = 0.0


@dataclass(frozen=True)
class Explained:
    """One layer; ``macs`` are the formula's for a pack, ``auto`` whether auto has chosen the configured backend."""

    path: str
    problem: Any
    directions: tuple[str, ...]
    macs: int
    auto: bool
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Explanation:
    """A network's layers that have a choice of backends; ``touched`` are the bytes that a pack's step goes through."""

    name: str
    threads: int
    peak: Peak
    touched: int
    layers: tuple[Explained, ...]


def explain(
    config: Config,
    timer: Timer | None = None,
    peak_of: Callable[[int, str], Peak] | None = None,
) -> Explanation:
    """Time every backend of every layer that has more than one, as training would use it, and predict the same.

    Where the config says ``auto`` it is asked first, and its choice is shown as the configured one. ``timer`` is called
    as ``time_kernels``, ``peak_of`` as ``measured_peak``, which they are where they are not given.
    """
    timer, peak_of = timer or time_kernels, peak_of or measured_peak
    network = Network(config)
    threads = threads_that_fit(network, True, config.train.threads)
    resolve_auto(network, True, threads)
    stage = StepPlan(network, True)
    peak = peak_of(threads, network.dtype.name)
    measured: dict[Any, Mapping[str, Mapping[str, float]]] = {}
    layers = []
    for layer in network.layers():
        if layer.op is None or len(backend_names(layer.op)) < 2:
            continue
        problem, directions = stage.problems[layer.path], stage.directions(layer.path)
        reasons = cannot_run(problem, threads, stage.footprint)
        names = [name for name in backend_names(layer.op) if name not in reasons]
        if (problem, directions) not in measured:
            found = timer(problem, names, threads, directions=directions, footprint=stage.footprint)
            measured[problem, directions] = found
        times = measured[problem, directions]
        candidates = [
            _candidate(problem, name, layer.backend == name, times.get(name, {}), peak, stage.footprint)
            if name not in reasons
            else Candidate(name, reasons[name], reasons[name], layer.backend == name)
            for name in backend_names(layer.op)
        ]
        best = min((c.measured for c in candidates if c.reason is None), default=None)
        marked = tuple(replace(c, fastest=c.reason is None and c.measured == best) for c in candidates)
        auto = layer.path in network.chosen
        layers.append(Explained(layer.path, problem, directions, LANES * problem.macs, auto, marked))
    return Explanation(config.name, threads, peak, stage.footprint, tuple(layers))


def _candidate(
    problem: Any, name: str, configured: bool, times: Mapping[str, float], peak: Peak, touched: int
) -> Candidate:
    """One that can do the problem; ``touched`` is how many bytes a step touches."""
    size, work = np.dtype(problem.dtype).itemsize, cost(problem, name)
    passes = {}
    for direction, seconds in times.items():
        macs, moved = getattr(work, direction).macs, getattr(work, direction).numbers * size
        arithmetic, memory = peak.seconds(macs, 0, touched), peak.seconds(0, moved, touched)
        bound = "arithmetic" if arithmetic >= memory else "memory"
        rate = 2 * macs / seconds
        passes[direction] = Pass(macs, moved, max(arithmetic, memory), bound, seconds, rate / 1e9, rate / peak.flops)
    return Candidate(
        name,
        None,
        not_for_auto(problem).get(name),
        configured,
        scratch=backend(problem.op, name).workspace(problem) * size,
        tolerance=tolerance(problem, name),
        passes=passes,
        predicted=sum(one.predicted for one in passes.values()),
        measured=sum(one.measured for one in passes.values()),
    )
