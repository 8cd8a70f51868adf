"""Comparison of the contenders' results, before any of them is timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbcnn.bench.peers.base import Forward, Learner
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


def check_training(contenders: Mapping[str, Learner]) -> None:
    """Let all make one step on the same batch; raise PeerError unless gradients agree, and what the step changed."""
    (first, own), *others = contenders.items()
    before = own.parameters()
    own.step(0)
    gradients, moved = own.gradients(), _moved(own, before)
    for name, trainer in others:
        trainer.step(0)
        between = f"of {name} and of {first} after one training step"
        for parameter, gradient in trainer.gradients().items():
            _same(f"the gradients of {parameter} {between}", gradient, gradients[parameter])
        apart = float(np.linalg.norm(_moved(trainer, before) - moved) / max(float(np.linalg.norm(moved)), 1e-30))
        if not apart <= MOVED:
            raise PeerError(
                f"the parameters {between} are {apart:.1%} of the step apart (at most {MOVED:.0%} may be): "
                "they do not train alike, so their times are not compared"
            )


def _moved(trainer: Learner, before: Mapping[str, np.ndarray]) -> np.ndarray:
    """The change of the parameters by training, all parameters in a row, in float64."""
    after = trainer.parameters()
    return np.concatenate([(after[name].astype(np.float64) - before[name]).ravel() for name in before])


def _same(what: str, found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise PeerError(f"{what} have the shapes {found.shape} and {expected.shape}: their times are not compared")
    largest = max(float(np.abs(expected).max()), 1e-30)
    apart = float(np.abs(found - expected).max()) / largest
    if not apart <= TOLERANCE:
        raise PeerError(
            f"{what} differ by {apart:.1e} of the largest number (at most {TOLERANCE:g} may be): "
            "they do not compute the same, so their times are not compared"
        )
