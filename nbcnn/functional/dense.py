"""The linear layer and activations on arrays: equations (8), (11) to (13) and (41) to (45) of docs/math.md."""

from __future__ import annotations

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.functional.arrays import check_alike, check_shape, float_array, in_short
from nbcnn.functional.problem_arguments import prepared_kernels, run_packs
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.ops import op
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


@within_memory
def leaky_relu(x: np.ndarray, negative_slope: float = 0.01, *, backend: str = "direct") -> np.ndarray:
    """x where it is above 0, else negative_slope · x, of an array of any shape, equation (41)."""
    return _elementwise("leaky_relu", x, backend, negative_slope=_at_least_0("negative_slope", negative_slope))


@within_memory
def elu(x: np.ndarray, alpha: float = 1.0, *, backend: str = "direct") -> np.ndarray:
    """x where it is above 0, else alpha · (e**x - 1), of an array of any shape, equation (42)."""
    return _elementwise("elu", x, backend, alpha=_at_least_0("alpha", alpha))


@within_memory
def gelu(x: np.ndarray, approximate: str = "none", *, backend: str = "direct") -> np.ndarray:
    """x · Φ(x) of an array of any shape, equation (43); ``approximate`` is none or tanh."""
    if approximate not in ("none", "tanh"):
        raise ShapeError(f"approximate must be 'none' or 'tanh', got {in_short(approximate)}")
    return _elementwise("gelu", x, backend, approximate=approximate)


@within_memory
def silu(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """x / (1 + e**-x) of an array of any shape, equation (44)."""
    return _elementwise("silu", x, backend)


@within_memory
def hardswish(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """x · min(max(x + 3, 0), 6) / 6 of an array of any shape, equation (45)."""
    return _elementwise("hardswish", x, backend)


def _at_least_0(name: str, value: object) -> float:
    """A number that float32 can hold, not below 0; ShapeError for what is none."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.complexfloating))
    if not number or not 0 <= value <= float(np.finfo(np.float32).max):  # type: ignore[operator]
        raise ShapeError(f"{name} must be a number of at least 0 that float32 can hold, got {in_short(value)}")
    return float(value)  # type: ignore[arg-type]


def _elementwise(name: str, x: np.ndarray, backend: str, **arguments: object) -> np.ndarray:
    """Numbers side by side serve as lanes as well as images do."""
    x = float_array("x", x)
    rows = -(-x.size // LANES)
    packs = np.zeros((rows, LANES), x.dtype)
    packs.reshape(-1)[: x.size] = x.reshape(-1)
    kernels, scratch = prepared_kernels(op(name).problem(name, rows, x.dtype.name, **arguments), backend, 1)
    y = np.zeros_like(packs)
    kernels.forward(packs, y, scratch)
    return y.reshape(-1)[: x.size].reshape(x.shape).copy()
