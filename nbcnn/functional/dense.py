"""The linear layer and activations on arrays: equations (8) and (11) to (13) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.functional.arrays import check_alike, check_shape, float_array
from nbcnn.functional.problem_arguments import prepared_kernels, run_packs
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.util.memory import within_memory


@within_memory
def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None, *, backend: str = "direct") -> np.ndarray:
    """Equation (8): x (N, F), w (O, F), b (O,) or None -> (N, O)."""
    x, w = float_array("x", x, 2), float_array("w", w, 2)
    b = np.zeros(len(w), w.dtype) if b is None else float_array("b", b, 1)
    check_alike(x=x, w=w, b=b)
    if x.shape[1] != w.shape[1]:
        raise ShapeError(f"linear: x {x.shape} has {x.shape[1]} features and w {w.shape} takes {w.shape[1]}")
    check_shape("linear: b", b.shape, w.shape[:1])
    return run_packs(LinearProblem(x.shape[1], len(w), x.dtype.name), backend, x, w, b)


@within_memory
def relu(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """max(x, 0) of an array of any shape, equation (11); NaN stays NaN."""
    return _elementwise("relu", x, backend)


@within_memory
def sigmoid(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """1 / (1 + e**-x) of an array of any shape, equation (12)."""
    return _elementwise("sigmoid", x, backend)


@within_memory
def tanh(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """The hyperbolic tangent of an array of any shape, equation (13)."""
    return _elementwise("tanh", x, backend)


def _elementwise(op: str, x: np.ndarray, backend: str) -> np.ndarray:
    """Numbers side by side serve as lanes as well as images do."""
    x = float_array("x", x)
    rows = -(-x.size // LANES)
    packs = np.zeros((rows, LANES), x.dtype)
    packs.reshape(-1)[: x.size] = x.reshape(-1)
    kernels, scratch = prepared_kernels(ElementwiseProblem(op, rows, x.dtype.name), backend, 1)
    y = np.zeros_like(packs)
    kernels.forward(packs, y, scratch)
    return y.reshape(-1)[: x.size].reshape(x.shape).copy()
