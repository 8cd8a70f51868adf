"""What is right, in float64, and by how much a result may differ from it: reference/ops.py beside error bounds.

A sum of n products, in any order, fused or not, is off by at most gamma(n) = n u / (1 - n u) times the sum of the
absolute products, where u is half of eps (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). A sum
in blocks (lanes/block_sums.py) is held to what it can do: n is then the terms of a block and the number of blocks. On
small whole numbers no sum is off at all. A backend whose sums are not of the formula's products states a tolerance:
its float32 error as a share of the largest sum of absolute products in the same plane, that is of one image and
channel, or of one kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np

from nbcnn.conformance.signatures import PACKS, Array, Arrays, images, pack
from nbcnn.kernels.contract import LANES, Conv2dProblem, LinearProblem, LossProblem, Pool2dProblem
from nbcnn.lanes.block_sums import BLOCK
from nbcnn.reference import ops


class Oracle(NamedTuple):
    """One op's definition, and what is known about the rounding of its sums."""

    values: Callable[[Any, Arrays], Arrays]
    """every array that the kernels write"""
    terms: Callable[[Any], dict[str, int]] | None
    """how many roundings a term of each array's sums may meet, where an op is sums; None: see ``SLACK``"""
    signed: tuple[str, ...] = ()
    """inputs that keep their sign when absolute products are summed"""


class Expected(NamedTuple):
    """Right values, and the sums of absolute products beside them."""

    values: Arrays
    sizes: Arrays


def expect(problem: Any, inputs: Arrays) -> Expected:
    """Of a problem's kernels for float64 inputs; the problem's dtype plays no part."""
    oracle = ORACLES[problem.op]
    values = oracle.values(problem, inputs)
    if oracle.terms is None:
        return Expected(values, {name: np.abs(array) for name, array in values.items()})
    absolute = {name: array if name in oracle.signed else np.abs(array) for name, array in inputs.items()}
    sizes = oracle.values(problem, absolute)
    return Expected(values, {name: np.abs(array) for name, array in sizes.items()})


def bounds(problem: Any, inputs: Arrays, expected: Expected, whole: bool, tolerance: float) -> dict[str, Any]:
    """How far each array may be from the right values: a number, or one for each element; 0 asks for equality."""
    eps, dtype = float(np.finfo(problem.dtype).eps), problem.dtype
    if tolerance:
        tolerance *= eps / float(np.finfo("float32").eps)
        return {
            name: 0.0 if name == "guesses" else tolerance * by_plane(np.max, name, size)
            for name, size in expected.sizes.items()
        }
    terms = ORACLES[problem.op].terms
    if terms is None:
        return SLACK[problem.op](inputs, expected.values, eps, float(np.finfo(dtype).tiny))
    if whole:
        return dict.fromkeys(expected.values, 0.0)
    double = float(np.finfo("float64").eps)  # the oracle rounds too
    return {
        name: 0.0 if count < 2 else (_gamma(count, eps) + _gamma(count, double)) * expected.sizes[name]
        for name, count in terms(problem).items()
    }


def by_plane(function: Callable[..., Any], name: str, array: Array) -> Array:
    """``function`` (such as np.max) of each plane: of y and dx one image's channel, of dw one kernel; keeps all axes.

    Arrays without rows and columns have no planes: then it is of each image, or of the whole array.
    """
    axes = {(True, 4): (1, 2), (False, 4): (2, 3), (True, 2): (0,)}.get((name in PACKS, array.ndim))
    found: Array = function(array, axis=axes, keepdims=True)
    return found


def roundings(*sizes: int) -> int:
    """How many roundings a term meets in a sum over up to three indices, in blocks as lanes/block_sums.py cuts them.

    As many as a block has terms, and one for each block after the first: fewer than terms, where these are many.
    """
    channels, rows, columns = (1, 1, 1, *sizes)[-3:]
    most = max(BLOCK, -(-isqrt(channels * rows * columns) // 16) * 16)
    block = max(1, most // (rows * columns)), max(1, most // columns), most
    pairs = [(size, min(size, part)) for size, part in zip((channels, rows, columns), block, strict=True)]
    return prod(part for _, part in pairs) + prod(-(-size // part) for size, part in pairs) - 1


def _more(inputs: Arrays, eps: float) -> float:
    """By what share a sum over so many classes that it comes in blocks may be off besides; see ``SLACK``."""
    classes = len(inputs["x"])
    return roundings(classes) * eps / 2 if classes > BLOCK else 0.0


def _softmax(inputs: Arrays, values: Arrays, eps: float, tiny: float) -> dict[str, Any]:
    more, y, dy = _more(inputs, eps), values["y"], np.abs(inputs["dy"])
    bound: Array | float = 8 * eps * max(1.0, float(dy.max()))
    if more:  # each of very many numbers is small
        bound = (16 * eps + 2 * more) * y * (dy + (y * dy).sum(0)) + tiny
    return {"y": (16 * eps + more) * y + tiny, "dx": bound}


def _log_softmax(inputs: Arrays, values: Arrays, eps: float, tiny: float) -> dict[str, Any]:
    more, y, dy = _more(inputs, eps), values["y"], np.abs(inputs["dy"])
    off = 8 * eps * np.abs(y) + 16 * eps + more
    bound = 8 * eps * np.maximum(1, dy.sum(0))
    if more:
        bound = 8 * eps * np.maximum(1, dy) + (off + more) * np.exp(y) * dy.sum(0)
    return {"y": off, "dx": bound}


def _gamma(count: int, eps: float) -> float:
    return count * eps / 2 / (1 - count * eps / 2)


def _conv2d(p: Conv2dProblem, given: Arrays) -> Arrays:
    x, dy, w = images(given["x"]), images(given["dy"]), given["w"]
    numbers = (p.stride, p.padding, p.dilation, p.groups)
    return {
        "y": pack(ops.conv2d(x, w, given["b"], *numbers)),
        "dx": pack(ops.conv2d_grad_input(dy, w, (p.height, p.width), *numbers)),
        "dw": ops.conv2d_grad_weight(x, dy, p.kernel_size, *numbers),
        "db": ops.conv2d_grad_bias(dy),
    }


def _conv2d_terms(p: Conv2dProblem) -> dict[str, int]:
    pixels = roundings(LANES, *p.y_shape[1:])
    return {
        "y": roundings(p.w_shape[1], *p.kernel_size) + 1,
        "dx": max(2, roundings(p.out_channels // p.groups, *p.kernel_size)),
        "dw": pixels,
        "db": pixels,
    }


def _linear(p: LinearProblem, given: Arrays) -> Arrays:
    x, dy, w = images(given["x"]), images(given["dy"]), given["w"]
    return {
        "y": pack(ops.linear(x, w, given["b"])),
        "dx": pack(ops.linear_grad_input(dy, w)),
        "dw": ops.linear_grad_weight(x, dy),
        "db": dy.astype(np.float64).sum(0),
    }


def _linear_terms(p: LinearProblem) -> dict[str, int]:
    return {"y": roundings(p.in_features) + 1, "dx": max(2, roundings(p.out_features)), "dw": LANES, "db": LANES}


def _max_pool2d(p: Pool2dProblem, given: Arrays) -> Arrays:
    x, dy = images(given["x"]), images(given["dy"])
    window = (p.kernel_size, p.stride, p.padding, p.dilation, p.ceil_mode)
    return {
        "y": pack(ops.max_pool2d(x, *window)),
        "dx": pack(ops.max_pool2d_grad(x, dy, *window)),
    }


def _avg_pool2d(p: Pool2dProblem, given: Arrays) -> Arrays:
    x, dy = images(given["x"]), images(given["dy"])
    window = (p.kernel_size, p.stride, p.padding, p.count_include_pad, p.ceil_mode, p.divisor_override)
    return {
        "y": pack(ops.avg_pool2d(x, *window)),
        "dx": pack(ops.avg_pool2d_grad(dy, (p.height, p.width), *window)),
    }


def _elementwise(op: str) -> Callable[[Any, Arrays], Arrays]:
    function, gradient = getattr(ops, op), getattr(ops, f"{op}_grad")

    def values(problem: Any, given: Arrays) -> Arrays:
        x, dy = given["x"].T, given["dy"].T  # softmax takes (N, K); to the others the order is all one
        return {"y": function(x).T, "dx": gradient(x, dy).T}

    return values


def _cross_entropy(p: LossProblem, given: Arrays) -> Arrays:
    x, labels, scale = given["x"].T, given["labels"], given["scale"]
    return {
        "losses": ops.cross_entropy(x, labels),
        "guesses": x.argmax(1),
        "dx": ops.cross_entropy_grad(x, labels, scale).T,
    }


ORACLES: dict[str, Oracle] = {
    "conv2d": Oracle(_conv2d, _conv2d_terms),
    "linear": Oracle(_linear, _linear_terms),
    "max_pool2d": Oracle(_max_pool2d, lambda p: {"y": 1, "dx": max(2, prod(p.kernel_size))}, signed=("x",)),
    "avg_pool2d": Oracle(_avg_pool2d, lambda p: dict.fromkeys(("y", "dx"), roundings(1, *p.kernel_size) + 2)),
    "relu": Oracle(_elementwise("relu"), lambda p: {"y": 1, "dx": 1}, signed=("x",)),
    "sigmoid": Oracle(_elementwise("sigmoid"), None),
    "tanh": Oracle(_elementwise("tanh"), None),
    "softmax": Oracle(_elementwise("softmax"), None),
    "log_softmax": Oracle(_elementwise("log_softmax"), None),
    "cross_entropy": Oracle(_cross_entropy, None),
}
"""Every op that can be checked."""


def _near(inputs: Arrays, values: Arrays, eps: float, tiny: float) -> dict[str, Any]:
    """Of sigmoid and tanh. The derivative comes from y, which is 1 long before the derivative is 0."""
    return {
        "y": 4 * eps * np.abs(values["y"]) + tiny,
        "dx": 8 * eps * np.abs(values["dx"]) + 16 * eps * np.maximum(np.abs(inputs["dy"]), 1),
    }


SLACK: dict[str, Callable[[Arrays, Arrays, float, float], dict[str, Array | float]]] = {
    "sigmoid": _near,
    "tanh": _near,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "cross_entropy": lambda inputs, values, eps, tiny: {
        "losses": 8 * eps * np.abs(values["losses"]) + 8 * eps + _more(inputs, eps),
        "guesses": 0.0,
        "dx": 8 * eps * max(1.0, float(inputs["scale"].max())),
    },
}
"""Bounds of ops that are no sums, in units of eps: few roundings of a value, and of what is subtracted from it."""
