"""Functions of class scores: softmax, log-softmax, cross-entropy: equations (14), (15), (28)."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.functional.arrays import float_array, in_short, is_count, to_packs
from nbcnn.functional.problem_arguments import prepared_kernels, run_packs
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.shapes import LARGEST
from nbcnn.util.memory import within_memory


@within_memory
def softmax(x: np.ndarray, dim: int = 1, *, backend: str = "direct") -> np.ndarray:
    """Probabilities along axis ``dim``, equation (14): the same shape as x."""
    return _along("softmax", x, dim, backend)


@within_memory
def log_softmax(x: np.ndarray, dim: int = 1, *, backend: str = "direct") -> np.ndarray:
    """Logarithms of the probabilities along axis ``dim``, equation (28): the same shape as x."""
    return _along("log_softmax", x, dim, backend)


@within_memory
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
    if not isinstance(reduction, str) or reduction not in ("mean", "sum", "none"):
        raise ShapeError(f"cross_entropy: reduction must be mean, sum or none, got {in_short(reduction)}")
    if reduction == "mean" and not len(x):
        raise ShapeError("cross_entropy: there is no mean of no images; use reduction='sum' or 'none'")
    kernels, scratch = prepared_kernels(LossProblem(x.shape[1], x.dtype.name), backend, len(x))
    packs = to_packs(x)
    losses, guesses = np.zeros((len(packs), LANES), x.dtype), np.zeros(LANES, np.int64)
    labels = np.zeros((len(packs), LANES), np.int64)
    labels.reshape(-1)[: len(x)] = target
    for pack, label, loss in zip(packs, labels, losses, strict=True):
        kernels.forward(pack, label, loss, guesses, scratch)
    flat = losses.reshape(-1)[: len(x)]
    if reduction == "none":
        return flat.copy()
    total: np.floating[Any] = flat.mean() if reduction == "mean" else flat.sum()
    return total


def _along(op: str, x: np.ndarray, dim: int, backend: str) -> np.ndarray:
    """An op whose images are the rows of x along an axis."""
    x = float_array("x", x)
    if not is_count(dim, -LARGEST) or not dim <= LARGEST:
        raise ShapeError(f"{op}: dim must be a whole number from {-x.ndim} to {x.ndim - 1}, got {in_short(dim)}")
    if not -x.ndim <= dim < x.ndim:
        raise ShapeError(f"{op}: dim {dim} does not exist in an array of shape {x.shape}")
    if x.size == 0:
        return x.copy()
    moved = np.moveaxis(x, dim, -1)
    rows = np.ascontiguousarray(moved.reshape(-1, moved.shape[-1]))
    y = run_packs(ElementwiseProblem(op, rows.shape[1], x.dtype.name), backend, rows)
    return np.ascontiguousarray(np.moveaxis(y.reshape(moved.shape), -1, dim))
