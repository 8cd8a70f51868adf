"""The ops as functions on arrays (N, C, H, W), with PyTorch's names and argument order, and a choice of backend.

Arrays are float32 or float64, all of one call alike, and so is the result. Pairs may be given as one number.
Raises ShapeError where shapes do not fit, KernelError for an unknown backend or one that can't do the problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbcnn.arrays import Ints, check_alike, check_shape, empty_packs, float_array, from_packs, pair, sizes, to_packs
from nbcnn.blas import one_blas_thread
from nbcnn.errors import ShapeError
from nbcnn.kernels.contract import LANES, ElementwiseProblem, LinearProblem, LossProblem
from nbcnn.kernels.registry import prepare
from nbcnn.problems import conv2d_problem, pool2d_problem

__all__ = [
    "avg_pool2d",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "cross_entropy",
    "linear",
    "max_pool2d",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]


def conv2d(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """Cross-correlation, equation (1): x (N, C, H, W), w (O, C, KH, KW), b (O,) or None -> (N, O, OH, OW)."""
    x, w = float_array("x", x, 4), float_array("w", w, 4)
    b = np.zeros(len(w), w.dtype) if b is None else float_array("b", b, 1)
    check_alike(x=x, w=w, b=b)
    if b.shape != w.shape[:1]:
        raise ShapeError(
            f"conv2d: b must have one number for each of the {len(w)} output channels, got shape {b.shape}"
        )
    problem = conv2d_problem(x.shape, w.shape, stride, padding, dilation, groups, x.dtype)
    kernels, floats = prepare(problem, backend)
    work, y = np.zeros(floats, x.dtype), empty_packs(len(x), problem.y_shape, x.dtype)
    with one_blas_thread():
        for pack, result in zip(to_packs(x), y, strict=True):
            kernels.forward(pack, w, b, result, work)
    return from_packs(y, len(x))


def conv2d_grad_input(
    input_size: Sequence[int],
    weight: np.ndarray,
    grad_output: np.ndarray,
    stride: Ints = 1,
    padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """Equation (3): weight (O, C, KH, KW), grad_output (N, O, OH, OW) -> ``input_size`` (N, C, H, W)."""
    w, dy = float_array("weight", weight, 4), float_array("grad_output", grad_output, 4)
    check_alike(weight=w, grad_output=dy)
    shape = sizes("input_size", input_size, "(N, C, H, W)")
    problem = conv2d_problem(shape, w.shape, stride, padding, dilation, groups, w.dtype)
    check_shape("conv2d_grad_input: grad_output", dy.shape, (shape[0], *problem.y_shape))
    kernels, floats = prepare(problem, backend)
    work, dx = np.zeros(floats, w.dtype), empty_packs(len(dy), problem.x_shape, w.dtype)
    with one_blas_thread():
        for pack, result in zip(to_packs(dy), dx, strict=True):
            kernels.grad_input(pack, w, result, work)
    return from_packs(dx, len(dy))


def conv2d_grad_weight(
    input: np.ndarray,
    weight_size: Sequence[int],
    grad_output: np.ndarray,
    stride: Ints = 1,
    padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """Equation (4), over all images: input (N, C, H, W), grad_output (N, O, OH, OW) -> weight_size (O, C, KH, KW)."""
    x, dy = float_array("input", input, 4), float_array("grad_output", grad_output, 4)
    check_alike(input=x, grad_output=dy)
    shape = sizes("weight_size", weight_size, "(O, C, KH, KW)")
    problem = conv2d_problem(x.shape, shape, stride, padding, dilation, groups, x.dtype)
    check_shape("conv2d_grad_weight: grad_output", dy.shape, (len(x), *problem.y_shape))
    kernels, floats = prepare(problem, backend)
    total, dw, db = np.zeros(shape, x.dtype), np.zeros(shape, x.dtype), np.zeros(shape[0], x.dtype)
    work = np.zeros(floats, x.dtype)
    with one_blas_thread():
        for pack, gradient in zip(to_packs(x), to_packs(dy), strict=True):
            kernels.grad_weight(pack, gradient, dw, db, work)
            total += dw
    return total


def max_pool2d(
    x: np.ndarray,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """The largest of each window, equation (6): (N, C, H, W) -> (N, C, OH, OW). ``stride`` None: the kernel size.

    ``dilation`` other than 1 and ``ceil_mode`` True are refused for now.
    """
    if pair("dilation", dilation, 1) != (1, 1):
        raise ShapeError(f"max_pool2d: dilation {dilation} is not supported, only 1")
    if ceil_mode:
        raise ShapeError("max_pool2d: ceil_mode=True is not supported, sizes are rounded down; pad the input instead")
    return _pool("max_pool2d", x, kernel_size, stride, padding, True, backend)


def avg_pool2d(
    x: np.ndarray,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """The mean of each window, equation (7): (N, C, H, W) -> (N, C, OH, OW). ``ceil_mode`` True is refused for now."""
    if ceil_mode:
        raise ShapeError("avg_pool2d: ceil_mode=True is not supported, sizes are rounded down; pad the input instead")
    return _pool("avg_pool2d", x, kernel_size, stride, padding, count_include_pad, backend)


def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None, *, backend: str = "direct") -> np.ndarray:
    """Equation (8): x (N, F), w (O, F), b (O,) or None -> (N, O)."""
    x, w = float_array("x", x, 2), float_array("w", w, 2)
    b = np.zeros(len(w), w.dtype) if b is None else float_array("b", b, 1)
    check_alike(x=x, w=w, b=b)
    if x.shape[1] != w.shape[1]:
        raise ShapeError(f"linear: x {x.shape} has {x.shape[1]} features and w {w.shape} takes {w.shape[1]}")
    check_shape("linear: b", b.shape, w.shape[:1])
    kernels, floats = prepare(LinearProblem(x.shape[1], len(w), x.dtype.name), backend)
    work, y = np.zeros(floats, x.dtype), empty_packs(len(x), (len(w),), x.dtype)
    with one_blas_thread():
        for pack, result in zip(to_packs(x), y, strict=True):
            kernels.forward(pack, w, b, result, work)
    return from_packs(y, len(x))


def relu(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """max(x, 0) of an array of any shape, equation (11); NaN stays NaN."""
    return _elementwise("relu", x, backend)


def sigmoid(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """1 / (1 + e**-x) of an array of any shape, equation (12)."""
    return _elementwise("sigmoid", x, backend)


def tanh(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """The hyperbolic tangent of an array of any shape, equation (13)."""
    return _elementwise("tanh", x, backend)


def softmax(x: np.ndarray, dim: int = 1, *, backend: str = "direct") -> np.ndarray:
    """Probabilities along axis ``dim``, equation (14): the same shape as x."""
    x = float_array("x", x)
    if not -x.ndim <= dim < x.ndim:
        raise ShapeError(f"softmax: dim {dim} does not exist in an array of shape {x.shape}")
    if x.size == 0:
        return x.copy()
    moved = np.moveaxis(x, dim, -1)
    rows = np.ascontiguousarray(moved.reshape(-1, moved.shape[-1]))
    kernels, floats = prepare(ElementwiseProblem("softmax", rows.shape[1], x.dtype.name), backend)
    work, y = np.zeros(floats, x.dtype), empty_packs(len(rows), rows.shape[1:], x.dtype)
    for pack, result in zip(to_packs(rows), y, strict=True):
        kernels.forward(pack, result, work)
    return np.ascontiguousarray(np.moveaxis(from_packs(y, len(rows)).reshape(moved.shape), -1, dim))


def cross_entropy(
    x: np.ndarray, target: np.ndarray, *, reduction: str = "mean", backend: str = "direct"
) -> np.ndarray | np.floating[Any]:
    """Softmax cross-entropy, equation (15): scores x (N, K), class numbers target (N,) -> mean, sum or none (N,)."""
    x, target = float_array("x", x, 2), np.asarray(target)
    if target.shape != x.shape[:1] or target.dtype.kind not in "iu":
        raise ShapeError(
            f"cross_entropy: target must be {len(x)} whole numbers, got {target.dtype} of shape {target.shape}"
        )
    if target.size and not 0 <= target.min() <= target.max() < x.shape[1]:
        raise ShapeError(f"cross_entropy: targets go from {target.min()} to {target.max()}, x has {x.shape[1]} classes")
    if reduction not in ("mean", "sum", "none"):
        raise ShapeError(f"cross_entropy: reduction must be mean, sum or none, got {reduction!r}")
    if reduction == "mean" and not len(x):
        raise ShapeError("cross_entropy: there is no mean of no images; use reduction='sum' or 'none'")
    kernels, floats = prepare(LossProblem(x.shape[1], x.dtype.name), backend)
    work, packs = np.zeros(floats, x.dtype), to_packs(x)
    losses, guesses = np.zeros((len(packs), LANES), x.dtype), np.zeros(LANES, np.int64)
    labels = np.zeros((len(packs), LANES), np.int64)
    labels.reshape(-1)[: len(x)] = target
    for pack, label, loss in zip(packs, labels, losses, strict=True):
        kernels.forward(pack, label, loss, guesses, work)
    flat = losses.reshape(-1)[: len(x)]
    if reduction == "none":
        return flat.copy()
    total: np.floating[Any] = flat.mean() if reduction == "mean" else flat.sum()
    return total


def _pool(
    op: str, x: np.ndarray, kernel_size: Ints, stride: Ints | None, padding: Ints, whole: bool, backend: str
) -> np.ndarray:
    x = float_array("x", x, 4)
    problem = pool2d_problem(op, x.shape, kernel_size, stride, padding, whole, x.dtype)
    kernels, floats = prepare(problem, backend)
    work, y = np.zeros(floats, x.dtype), empty_packs(len(x), problem.y_shape, x.dtype)
    for pack, result in zip(to_packs(x), y, strict=True):
        kernels.forward(pack, result, work)
    return from_packs(y, len(x))


def _elementwise(op: str, x: np.ndarray, backend: str) -> np.ndarray:
    """Numbers side by side serve as lanes as well as images do."""
    x = float_array("x", x)
    rows = -(-x.size // LANES)
    packs = np.zeros((rows, LANES), x.dtype)
    packs.reshape(-1)[: x.size] = x.reshape(-1)
    kernels, floats = prepare(ElementwiseProblem(op, rows, x.dtype.name), backend)
    y = np.zeros_like(packs)
    kernels.forward(packs, y, np.zeros(floats, x.dtype))
    return y.reshape(-1)[: x.size].reshape(x.shape).copy()
