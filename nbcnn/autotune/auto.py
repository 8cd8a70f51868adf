"""Resolution of ``backend: auto``: the fastest backend of each layer, by timing, cached for the next run.

The question is a layer's problem together with what the run asks of it: forward alone, or with gradients, on how many
threads. Candidates race on it (kernel_timing.py). Where the best are near one another, whole steps of the network
decide between them (step_timing.py). Names are given to the network before anything runs, so that its config, and with
it the run folder's, says what computed each layer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from nbcnn.autotune.choice import Choice, not_for_auto, question
from nbcnn.autotune.kernel_timing import Seconds, time_kernels
from nbcnn.autotune.measurement_cache import MeasurementCache
from nbcnn.autotune.step_timing import Names, StepPlan, step_seconds
from nbcnn.compiler.kernel_cache import cache_folder
from nbcnn.engine.memory_use import threads_that_fit
from nbcnn.engine.network import Network
from nbcnn.errors import KernelError
from nbcnn.kernels.registry import AUTO, backend
from nbcnn.util.formatting import in_words
from nbcnn.util.memory import no_memory_error

SLOWEST = 3.0
"""A candidate that takes so many times as long as the fastest in a first quick look is not timed further."""
NEAR = 1.15
"""Candidates within this factor of the fastest go on to be compared in whole steps."""

_NOTES = ("choices", "choices of backends")

Timer = Callable[..., Seconds]
"""Called as ``time_kernels``."""
Stepper = Callable[[Network, bool, int, Sequence[Names]], Sequence[float]]
"""Called as ``step_seconds``."""


class Listener:
    """Who hears of choices inside ``choice_listener``. This one does nothing about it."""

    def choosing(self, problem: str) -> None:
        """Candidates for a problem, given in words, are about to be timed."""

    def chosen(self, choice: Choice) -> None:
        """A backend is chosen, now or from memory."""


class _Here(threading.local):
    def __init__(self) -> None:
        self.listeners: list[Listener] = []


_here = _Here()


@contextmanager
def choice_listener(listener: Listener) -> Iterator[None]:
    """While inside, tell ``listener`` of every choice of this thread."""
    try:
        _here.listeners.append(listener)
        yield
    finally:
        if listener in _here.listeners:  # not where this thread was interrupted before
            _here.listeners.remove(listener)


def is_remembered() -> bool:
    """Whether choices can be kept for later; that they can't is warned of when it is first asked."""
    return cache_folder(*_NOTES) is not None


def resolve_auto(
    network: Network, training: bool, threads: int | None, timer: Timer = time_kernels, stepper: Stepper = step_seconds
) -> tuple[Choice, ...]:
    """Give a backend to every layer of the network that has ``auto``; nothing happens where none has.

    Call it before an engine is made, with what that is made with. ``threads`` None: as many as fit into memory. Raises
    KernelError where no backend can do a layer, with the reason of each, and ShapeError where memory is too small.
    """
    if not any(layer.backend == AUTO for layer in network.layers()):
        return ()
    threads = threads_that_fit(network, training, threads)
    with no_memory_error("backend: auto", "name a backend, or use smaller images or fewer threads"):
        return _resolved(network, training, threads, timer, stepper)


def _resolved(network: Network, training: bool, threads: int, timer: Timer, stepper: Stepper) -> tuple[Choice, ...]:
    stage = StepPlan(network, training)
    notes = MeasurementCache(*_NOTES)
    choices = []
    for choice in _open_choices(network, stage, threads):
        if len(choice.candidates) == 1:
            choices.append(replace(choice, name=choice.candidates[0], remembered=True))
            continue
        known = notes.get(choice.problem.op, question(choice, threads), choice.read)
        choices.append(known or _raced(choice, threads, stage.footprint, timer))
    choices = _compared(choices, network, training, threads, stepper)
    for choice in choices:
        if not choice.remembered:
            notes.put(choice.problem.op, question(choice, threads), choice.answer())
        for listener in _here.listeners:
            listener.chosen(choice)
    network.choose_backends({path: choice.name for choice in choices for path in choice.layers})
    return tuple(choices)


def _open_choices(network: Network, stage: StepPlan, threads: int) -> list[Choice]:
    """One for all layers with ``auto`` that have the same problem and are asked for the same."""
    groups: dict[tuple[Any, tuple[str, ...]], list[str]] = {}
    for layer in network.layers():
        if layer.backend == AUTO:
            groups.setdefault((stage.problems[layer.path], stage.directions(layer.path)), []).append(layer.path)
    places = {layer.path: layer.where for layer in network.layers()}
    found = []
    for (problem, directions), paths in groups.items():
        choice = Choice(problem, directions, tuple(paths), not_for_auto(problem, threads, stage.footprint))
        if not choice.candidates:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in choice.refused.items())
            raise KernelError(f"{places[paths[0]]}: auto finds no backend for {in_words(problem)}: {reasons}")
        found.append(choice)
    return found


def _raced(choice: Choice, threads: int, footprint: int, timer: Timer) -> Choice:
    """The choice by the candidates' own times."""
    for listener in _here.listeners:
        listener.choosing(in_words(choice.problem))
    names, directions, times = choice.candidates, choice.directions, None
    if len(names) == 1:
        return replace(choice, name=names[0])
    with suppress(MemoryError):
        times = timer(choice.problem, names, threads, directions=directions, footprint=footprint, slowest=SLOWEST)
    if times is None:  # on a single pack for each thread, on one thread, then without the candidate that takes most
        if not footprint and threads == 1:
            choice = _without_the_largest(choice)
        return _raced(choice, threads if footprint else 1, 0, timer)
    sums = {name: sum(by_direction.values()) for name, by_direction in times.items()}
    slow = tuple(name for name in names if name not in sums)
    return replace(choice, name=min(sums, key=sums.__getitem__), seconds=sums, slow=slow)


def _without_the_largest(choice: Choice) -> Choice:
    """Without the candidate that has the most scratch, of several."""
    name = max(choice.candidates, key=lambda name: int(backend(choice.problem.op, name).workspace(choice.problem)))
    return replace(choice, refused={**choice.refused, name: "its scratch did not fit into memory when it was timed"})


def _compared(
    choices: Sequence[Choice], network: Network, training: bool, threads: int, stepper: Stepper
) -> list[Choice]:
    """The same, those that were near decided by whole steps, one after the other, the longest first."""
    names = {layer.path: layer.backend or "" for layer in network.layers() if layer.op}
    for choice in choices:
        names |= dict.fromkeys(choice.layers, choice.name)
    found = list(choices)
    for index in sorted(range(len(found)), key=lambda i: -min(found[i].seconds.values(), default=0)):
        choice = found[index]
        near = [name for name, time in choice.seconds.items() if time <= NEAR * choice.seconds[choice.name]]
        if choice.remembered or len(near) < 2:
            continue
        try:
            steps = stepper(network, training, threads, [names | dict.fromkeys(choice.layers, name) for name in near])
        except MemoryError:  # all of them at once do not fit; their own times decide
            continue
        seconds = dict(zip(near, steps, strict=True))
        found[index] = replace(choice, name=min(seconds, key=seconds.__getitem__), steps=seconds)
        names |= dict.fromkeys(choice.layers, found[index].name)
    return found
