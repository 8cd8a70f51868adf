"""Numbers to check with: small whole ones, whose sums are exact, and ones whose every sum is rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbcnn.conformance.signatures import Array, Arrays, dtype, given
from nbcnn.kernels.contract import LANES, LossProblem, WeightedKernels

Draw = Callable[..., Array]

LEAST_COMMON = 2520
"""Divisible by every count up to 10, so that a mean of few multiples of it is a whole number."""


def integers(seed: Any, dtype: str, largest: int = 4) -> Draw:
    """Small whole numbers: sums of their products are exact in either precision, so results must be exact too."""
    random = np.random.default_rng(seed)
    return lambda *shape: random.integers(-largest, largest + 1, shape).astype(dtype)


def normal(seed: Any, dtype: str) -> Draw:
    """Numbers whose every sum is rounded: the order of the sum shows in the bits. All are float32 numbers."""
    random = np.random.default_rng(seed)
    return lambda *shape: random.standard_normal(shape, np.float32).astype(dtype)


def draw(problem: Any, numbers: Draw) -> Arrays:
    """Inputs of a problem's kernels: packs x and dy, and w, b where it has them."""
    arrays = {"x": numbers(*problem.x_shape, LANES), "dy": numbers(*problem.y_shape, LANES)}
    if problem.kernels is WeightedKernels:
        arrays |= {"w": numbers(*problem.w_shape), "b": numbers(problem.y_shape[0])}
    return arrays


def whole(problem: Any, seed: Any) -> Arrays:
    """Inputs of small whole numbers, in float64. For pooling: few different ones, and means that are whole."""
    if problem.op in ("max_pool2d", "avg_pool2d"):
        numbers = integers(seed, "float64", largest=2)
        return {name: LEAST_COMMON * array for name, array in draw(problem, numbers).items()}
    return draw(problem, integers(seed, "float64"))


def rounded(problem: Any, seed: Any) -> Arrays:
    """Normally distributed inputs, float32 numbers in float64; a loss also gets labels and scales."""
    if isinstance(problem, LossProblem):
        random = np.random.default_rng(seed)
        x = 3 * random.standard_normal((problem.classes, LANES), np.float32)
        scale = random.uniform(0, 2, LANES).astype(np.float32) * (np.arange(LANES) < LANES - 3)
        return {
            "x": x.astype("float64"),
            "labels": random.integers(0, problem.classes, LANES),
            "scale": scale.astype("float64"),
        }
    arrays = draw(problem, normal(seed, "float64"))
    if problem.op in ("sigmoid", "tanh"):  # near 0, in the bend and far out
        scales = np.resize(np.array([1, 5, 30, 1e-3, 1e-20]), len(arrays["x"])).astype(np.float32).astype("float64")
        arrays["x"] = (arrays["x"] * scales[:, None]).astype(np.float32).astype("float64")
    if problem.op in ("softmax", "log_softmax"):
        arrays["x"] = 3 * arrays["x"]
    return arrays


def cast(problem: Any, inputs: Arrays) -> Arrays:
    """Inputs in the types that the problem's kernels take."""
    return {name: inputs[name].astype(dtype(problem, name)) for name in given(problem)}
