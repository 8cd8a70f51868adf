"""Test inputs: small whole numbers, whose sums are exact, and real numbers, whose sums are rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbcnn.conformance.signatures import Array, Arrays, dtype, given, shape
from nbcnn.kernels.ops import op

Draw = Callable[..., Array]


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
    names = [name for name in ("x", "dy", "w", "b") if name in given(problem)]
    return {name: numbers(*shape(problem, name)) for name in (*names, *(n for n in given(problem) if n not in names))}


def whole(problem: Any, seed: Any) -> Arrays:
    """Inputs of small whole numbers, in float64."""
    definition = op(problem.op)
    numbers = integers(seed, "float64", definition.largest)
    return {name: definition.factor * array for name, array in draw(problem, numbers).items()}


def rounded(problem: Any, seed: Any) -> Arrays:
    """Normally distributed inputs, float32 numbers in float64, spread out as the op has it."""
    return op(problem.op).spread(problem, draw(problem, normal(seed, "float64")), seed)


def cast(problem: Any, inputs: Arrays) -> Arrays:
    """Inputs in the types that the problem's kernels take."""
    return {name: inputs[name].astype(dtype(problem, name)) for name in given(problem)}
