"""A profile of the training step: the time of every kernel call, of the optimizer and of waiting, on all threads.

Threads' time is counted, not the clock's: a step's length times the threads. It is spent in kernel calls, in the
optimizer, in waiting (for one's turn to add a gradient, for the last pack of others, for the optimizer's one thread),
and the rest is Python's: sharing out packs, waking threads, fetching results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.autotune.roofline import measured_peak
from nbcnn.bench.peers.base import Task
from nbcnn.bench.results import Tell, silent
from nbcnn.engine import ordered_sum
from nbcnn.engine.engine import Engine
from nbcnn.engine.timed_replay import TimedCallList
from nbcnn.engine.worker import StageCalls
from nbcnn.kernels.contract import LANES
from nbcnn.layers import Layer
from nbcnn.layers.base import Call
from nbcnn.optim import make_optimizer

FORMULAS = ("forward", "grad_input", "grad_weight")
"""Directions whose multiplications are the formula's; a layer's other calls gather its statistics, and count none."""
SECONDS = 0.25
"""How long the steps of a round with a clock in them last; as many are without."""


@dataclass(frozen=True)
class Row:
    """One kernel call: its layer as ``nbcnn summary`` numbers it, its backend, its direction.

    ``seconds`` it takes for a pack of 16 images, ``share`` of the step's thread time; where the formula multiplies,
    ``gflops`` of it a thread, and ``of_peak``, their share of the measured best of a thread.
    """

    layer: str
    what: str
    direction: str
    seconds: float
    share: float
    gflops: float | None = None
    of_peak: float | None = None


@dataclass(frozen=True)
class Profile:
    """The rows of a step in call order, and the other shares of ``step`` seconds times ``threads``.

    All are means over the middle half, by length, of ``steps`` steps, so that they add up. Images a second are given
    with the clock and without: what that costs.
    """

    name: str
    threads: int
    batch_size: int
    packs: int
    steps: int
    rows: tuple[Row, ...]
    step: float
    optimizer: float
    optimizer_share: float
    waiting_share: float
    python_share: float
    peak_gflops: float
    images_per_second: float
    images_per_second_without: float

    @property
    def overhead(self) -> float:
        """The share by which the clock makes a step longer."""
        return self.images_per_second_without / self.images_per_second - 1

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "overhead": self.overhead}


@dataclass(frozen=True)
class _Step:
    """Nanoseconds of one step: its length, the optimizer's, each call's and waiting, over all threads."""

    length: int
    optimizer: int
    calls: np.ndarray
    waiting: int


def profile(task: Task, rounds: int, tell: Tell = silent, seconds: float | None = None) -> Profile:
    """Steps with a clock in them and without, one after the other. Raises KernelError where the system has no clock."""
    network, settings = task.network, task.network.config.train
    peak = measured_peak(task.threads, network.dtype.name).flops
    resolve_auto(network, training=True, threads=task.threads)
    engine = Engine(network, training=True, threads=task.threads)
    optimizer = make_optimizer(*settings.optimizer, network.shapes, settings.weight_decay_on)
    try:
        timed = _Steps(engine, task, optimizer.step)
        timed.play(True)
        timed.step()
        count = max(3, int((SECONDS if seconds is None else seconds) / (timed.step().length / 1e9)))
        found: list[_Step] = []
        without: list[_Step] = []
        for number in range(1, rounds + 1):
            tell(f"{network.config.name}: steps with a clock in them and without, {number} of {rounds}")
            for _ in range(count):
                timed.play(True)
                found.append(timed.step())
                timed.play(False)
                without.append(timed.step())
    finally:
        engine.close()
    return _profile(task, timed.calls, found, without, peak)


class _Steps:
    """Training steps whose calls may be timed."""

    def __init__(self, engine: Engine, task: Task, update: Callable[[np.ndarray, np.ndarray], None]) -> None:
        self._engine, self._task, self._update, self._number, self._timing = engine, task, update, 0, False
        engine.train_step(task.images, task.labels, task.batches[0])
        stages = [worker.stages("train") for worker in engine.workers]
        self._plain = [[stage.list for stage in own] for own in stages]
        self.calls = [call for stage in stages[0] for call in _apart(stage.calls)]
        self._timed = [[_timed(stage) for stage in own] for own in stages]

    def play(self, timing: bool) -> None:
        """Switch the clock of the following steps on or off."""
        self._timing = timing
        for worker, lists in zip(self._engine.workers, self._timed if timing else self._plain, strict=True):
            for stage, own in zip(worker.stages("train"), lists, strict=True):
                stage.list = own

    def step(self) -> _Step:
        """The next batch."""
        order, network = self._task.batches[self._number % len(self._task.batches)], self._engine.network
        self._number += 1
        for own in self._timed:
            for call_list in own:
                call_list.reset()
        begun = time.perf_counter_ns()
        self._engine.train_step(self._task.images, self._task.labels, order)
        learnt = time.perf_counter_ns()
        self._update(network.parameters, self._engine.gradient)
        ended = time.perf_counter_ns()
        threads = len(self._timed)
        waiting = self._waiting(begun, learnt) + (threads - 1) * (ended - learnt) if self._timing else 0
        spent = np.sum([np.concatenate([call_list.spent for call_list in own]) for own in self._timed], axis=0)
        return _Step(ended - begun, ended - learnt, spent, waiting)

    def _waiting(self, begun: int, learnt: int) -> int:
        """Before a call in turn, and after a thread's last pack of a stage until the last of all is done."""
        waited, since, stages = 0, begun, list(zip(*self._timed, strict=True))
        for number, call_lists in enumerate(stages):
            late = number == len(stages) - 1 and any(call_list.ended_late for call_list in call_lists)
            done = learnt if late else max(call_list.last for call_list in call_lists)
            waited += sum(call_list.late + done - (call_list.last or since) for call_list in call_lists)
            since = done
        return waited


def _timed(stage: StageCalls) -> TimedCallList:
    calls = [(call.kernel, call.arrays) for call in _apart(stage.calls)]
    return TimedCallList(calls, stage.late, stage.rows)


def _apart(calls: list[Call]) -> list[Call]:
    """The wait before a call in turn as a call of its own, so that it is timed apart."""
    made = []
    for call in calls:
        if call.in_turn:
            place, turn, _ = call.arrays[-1]
            made.append(Call("batch", "wait", ordered_sum.wait_in_turn, (place, turn)))
        made.append(call)
    return made


def _profile(task: Task, calls: list[Call], found: list[_Step], without: list[_Step], peak: float) -> Profile:
    config, layers = task.network.config, _by_path(task.network.root)
    size = config.train.batch_size
    packs = -(-size // LANES)
    typical = _middle(found)
    step, optimizer = fmean(each.length for each in typical), fmean(each.optimizer for each in typical)
    whole = step * task.threads
    spent = np.mean([each.calls for each in typical], axis=0)
    waits = [number for number, call in enumerate(calls) if call.direction == "wait"]
    idle = fmean(each.waiting for each in typical)
    waiting = idle + float(spent[waits].sum())
    python = whole - optimizer - idle - float(spent.sum())
    rows = []
    for number, call in enumerate(calls):
        if number in waits:
            continue
        seconds = float(spent[number]) / packs / 1e9
        own = [layers[path] for path in call.layer.split("+") if path in layers]
        macs = sum(_macs(layer) for layer in own) if call.direction in FORMULAS else 0
        rate = 2 * LANES * macs / seconds if macs and seconds else None
        speed = (rate / 1e9, rate / peak) if rate else (None, None)
        rows.append(Row(call.layer, _what(own), call.direction, seconds, float(spent[number]) / whole, *speed))
    return Profile(
        config.name,
        task.threads,
        size,
        packs,
        len(found),
        tuple(rows),
        step / 1e9,
        optimizer / 1e9,
        optimizer / whole,
        waiting / whole,
        python / whole,
        peak / 1e9,
        size / step * 1e9,
        size / fmean(each.length for each in _middle(without)) * 1e9,
    )


def _middle(steps: list[_Step]) -> list[_Step]:
    """The half whose lengths are neither short nor long: their means are as steady as medians, and add up."""
    cut = len(steps) // 4
    return sorted(steps, key=lambda step: step.length)[cut : len(steps) - cut]


def _by_path(layer: Layer) -> dict[str, Layer]:
    """A layer and all layers in it: joins of branches are calls of the composite layer's own."""
    found = {layer.path: layer}
    for child in layer.children:
        found |= _by_path(child)
    return found


def _macs(layer: Layer) -> int:
    return int(layer.problem.macs) if layer.problem is not None else 0


def _what(layers: list[Layer]) -> str:
    """``conv2d direct``, or of two layers in one call ``sigmoid+avg_pool2d direct``."""
    if not layers:
        return ""
    backends = dict.fromkeys(layer.backend or "" for layer in layers)
    return f"{'+'.join(layer.kind for layer in layers)} {'+'.join(backends)}".rstrip()
