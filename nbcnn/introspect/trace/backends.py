"""What each backend of conv2d makes of one pixel or one weight's gradient: result, rounding, multiplications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nbcnn.introspect.trace.rounding import in_last_places
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import backend_names, cost, prepare, refusals
from nbcnn.util.blas import one_blas_thread


class Outcome(NamedTuple):
    """A backend's ``value``, and how far that is from the float64 sum: ``error``, and in units in the last place.

    ``macs`` are the multiply-add steps of the whole layer for one image, forward or for the weights' gradient. Where
    the backend can't do the problem ``refusal`` says why, and the rest is None.
    """

    backend: str
    value: float | None = None
    error: float | None = None
    last_places: float | None = None
    macs: float | None = None
    refusal: str | None = None


def forward(problem: Conv2dProblem, name: str, x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x (C, H, W) -> y (O, OH, OW) by a backend."""
    kernels, scratch = _prepared(problem, name)
    y = np.zeros((*problem.y_shape, LANES), x.dtype)
    with one_blas_thread(), np.errstate(all="ignore"):  # NaN and infinity are traced like other numbers
        kernels.forward(lane(x), w, b, y, scratch)
    return np.ascontiguousarray(y[..., 0])


def grad_weight(problem: Conv2dProblem, name: str, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, KH, KW) by a backend."""
    kernels, scratch = _prepared(problem, name)
    dw, db = np.zeros(problem.w_shape, x.dtype), np.zeros(problem.out_channels, x.dtype)
    with one_blas_thread(), np.errstate(all="ignore"):  # NaN and infinity are traced like other numbers
        kernels.grad_weight(lane(x), lane(dy), dw, db, scratch)
    return dw


def lane(x: np.ndarray) -> np.ndarray:
    """An image (C, H, W) as a pack (C, H, W, 16) that holds no other."""
    pack = np.zeros((*x.shape, LANES), x.dtype)
    pack[..., 0] = x
    return pack


def outcomes(problem: Conv2dProblem, found: Mapping[str, float], exact: float, direction: str) -> tuple[Outcome, ...]:
    """All backends, those with a value in ``found`` first, with the ``direction``'s work."""
    dtype, refused = np.dtype(problem.dtype), refusals(problem)
    made = [
        Outcome(
            name,
            value,
            value - exact,
            in_last_places(value, exact, dtype),
            getattr(cost(problem, name), direction).macs / LANES,
        )
        for name, value in found.items()
    ]
    return (*made, *(Outcome(name, refusal=why) for name, why in refused.items()))


def able(problem: Conv2dProblem) -> list[str]:
    """The backends that can do a problem; ``direct`` is first."""
    refused = refusals(problem)
    return sorted((name for name in backend_names("conv2d") if name not in refused), key=lambda name: name != "direct")


def _prepared(problem: Conv2dProblem, name: str) -> tuple[Any, np.ndarray]:
    prepared = prepare(problem, name)
    return prepared.kernels, np.zeros(prepared.workspace, problem.dtype)
