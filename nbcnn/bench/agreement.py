"""Comparison of the contenders' results, before any of them is timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbcnn.bench.peers.base import Forward, Learner
from nbcnn.bench.ties import Exact
from nbcnn.errors import PeerError

TOLERANCE = 1e-4
"""The largest difference, as a share of the largest number: rounding in float32 stays far below it."""

MOVED = 1e-2
"""How far the optimizers' first steps may differ, as a share of their length: Adam's divide small gradients by
themselves."""


def check_outputs(contenders: Mapping[str, Forward], what: str) -> None:
    """Raise PeerError unless all give the first one's numbers."""
    (first, run), *others = contenders.items()
    expected = run()
    for name, forward in others:
        _same(f"{what} of {name} and of {first}", forward(), expected)


BY_TIES = 5e-2
"""How far gradients may be from float64's, as a share of the largest number, in layers before one that has ties, beside
twice what the ties can move."""


def check_training(contenders: Mapping[str, Learner], exact: Exact | None = None) -> None:
    """Let all make one step on the same batch; raise PeerError unless gradients agree, and what the step changed.

    Gradients are compared with one another or, where ``exact`` is given, each with that of float64. There are layers
    with ties perhaps (ties.py): gradients of layers before these may be further off.
    """
    (first, own), *others = contenders.items()
    before = own.parameters()
    own.step(0)
    gradients, moved = own.gradients(), _moved(own, before)
    expected, reference = (exact.gradients, "float64") if exact else (gradients, first)
    scales = _scales(expected)
    if exact:
        _near(f"{first} and of float64 after one training step", gradients, exact, scales)
    steady = np.concatenate([(np.abs(expected[name]) > 1e-3 * scales[name]).ravel() for name in before])
    for name, trainer in others:
        trainer.step(0)
        between = f"of {name} and of {first} after one training step"
        if exact:
            _near(f"{name} and of float64 after one training step", trainer.gradients(), exact, scales)
        else:
            for parameter, gradient in reversed(trainer.gradients().items()):
                what = f"the gradients of {parameter} of {name} and of {reference} after one training step"
                _same(what, gradient, expected[parameter], scales[parameter])
        if own.buffers() and (kept := trainer.buffers()):
            for buffer, numbers in own.buffers().items():
                _same(f"{buffer} {between}", kept[buffer], numbers)
        if exact and exact.ties:
            continue
        apart = (_moved(trainer, before) - moved)[steady]
        apart = float(np.linalg.norm(apart) / max(float(np.linalg.norm(moved[steady])), 1e-30))
        if not apart <= MOVED:
            raise PeerError(
                f"the parameters {between} are {apart:.1%} of the step apart (at most {MOVED:.0%} may be): "
                "they do not train alike, so their times are not compared"
            )


def _near(which: str, gradients: Mapping[str, np.ndarray], exact: Exact, scales: Mapping[str, float]) -> None:
    """Gradients against float64's, from the last layer to the first; before one with ties they may be further off."""
    order = list(exact.layers)
    last_tie = max((order.index(path) for path in exact.ties), default=-1)
    for name, expected in reversed(exact.gradients.items()):
        before_ties = order.index(name.rpartition(".")[0]) <= last_tie
        allowed = BY_TIES + 2 * exact.reach[name] / max(scales[name], 1e-30) if before_ties else TOLERANCE
        _same(f"the gradients of {name} of {which}", gradients[name], expected, scales[name], allowed)


def _scales(gradients: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The number that a gradient's rounding is a share of: its largest, or a tenth of its layer's largest.

    The gradient of a bias before a batch norm is 0 but for rounding, which no two libraries share.
    """
    largest = {name: float(np.abs(gradient).max(initial=0)) for name, gradient in gradients.items()}
    layers = dict[str, float]()
    for name, size in largest.items():
        path = name.rpartition(".")[0]
        layers[path] = max(layers.get(path, 0.0), size)
    return {name: max(size, 0.1 * layers[name.rpartition(".")[0]]) for name, size in largest.items()}


def _moved(trainer: Learner, before: Mapping[str, np.ndarray]) -> np.ndarray:
    """The change of the parameters by training, all parameters in a row, in float64."""
    after = trainer.parameters()
    return np.concatenate([(after[name].astype(np.float64) - before[name]).ravel() for name in before])


def _same(what: str, found: Any, expected: Any, scale: float = 0.0, allowed: float = TOLERANCE) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise PeerError(f"{what} have the shapes {found.shape} and {expected.shape}: their times are not compared")
    largest = max(float(np.abs(expected).max(initial=0)), scale, 1e-30)
    apart = float(np.abs(found - expected).max(initial=0)) / largest
    if not apart <= allowed:
        raise PeerError(
            f"{what} differ by {apart:.1e} of the largest number (at most {allowed:g} may be): "
            "they do not compute the same, so their times are not compared"
        )
