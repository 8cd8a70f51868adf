"""Expected results in float64, from the oracles of the ops, and the error bounds of kernels.

A sum of n products, in any order, fused or not, is off by at most gamma(n) = n u / (1 - n u) times the sum of the
absolute products, where u is half of eps (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). A sum
in blocks (lanes/block_sums.py) is held to what it can do: n is then the terms of a block and the number of blocks. On
small whole numbers no sum is off at all. A backend whose sums are not of the formula's products states a tolerance:
its float32 error as a share of the largest sum of absolute products in the same plane, that is of one image and
channel, or of one kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nbcnn.conformance.signatures import PACKS, Array, Arrays
from nbcnn.kernels.ops import op


class Expected(NamedTuple):
    """Right values, and the sums of absolute products beside them."""

    values: Arrays
    sizes: Arrays


def expect(problem: Any, inputs: Arrays) -> Expected:
    """Of a problem's kernels for float64 inputs; the problem's dtype plays no part."""
    definition = op(problem.op)
    values = definition.oracle(problem, inputs)
    if definition.terms(problem) is None:
        return Expected(values, {name: np.abs(array) for name, array in values.items()})
    absolute = {name: array if name in definition.signed else np.abs(array) for name, array in inputs.items()}
    sizes = definition.oracle(problem, absolute)
    return Expected(values, {name: np.abs(array) for name, array in sizes.items()})


def bounds(problem: Any, inputs: Arrays, expected: Expected, whole: bool, tolerance: float) -> dict[str, Any]:
    """How far each array may be from the right values: a number, or one for each element; 0 asks for equality."""
    eps, dtype = float(np.finfo(problem.dtype).eps), problem.dtype
    if tolerance:
        tolerance *= eps / float(np.finfo("float32").eps)
        return {
            name: 0.0 if expected.values[name].dtype.kind != "f" else tolerance * by_plane(np.max, name, size)
            for name, size in expected.sizes.items()
        }
    terms = op(problem.op).terms(problem)
    if terms is None:
        return op(problem.op).bounds_of(problem, inputs, expected.values, eps, float(np.finfo(dtype).tiny))
    if whole:
        return dict.fromkeys(expected.values, 0.0)
    double = float(np.finfo("float64").eps)  # the oracle rounds too
    return {
        name: 0.0 if count < 2 else (_gamma(count, eps) + _gamma(count, double)) * expected.sizes[name]
        for name, count in terms.items()
    }


def by_plane(function: Callable[..., Any], name: str, array: Array) -> Array:
    """``function`` (such as np.max) of each plane: of y and dx one image's channel, of dw one kernel; keeps all axes.

    Arrays without rows and columns have no planes: then it is of each image, or of the whole array.
    """
    axes = {(True, 4): (1, 2), (False, 4): (2, 3), (True, 2): (0,)}.get((name in PACKS, array.ndim))
    found: Array = function(array, axis=axes, keepdims=True)
    return found


def _gamma(count: int, eps: float) -> float:
    return count * eps / 2 / (1 - count * eps / 2)
