"""What each of the plugins' tests does with a backend: run it, bound its error, poison its inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nbcnn.conformance.oracle import expect
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import prepare, tolerance

Arrays = dict[str, np.ndarray]


def inputs(problem: Conv2dProblem, numbers: Any) -> Arrays:
    """x, dy, w, b of a problem, drawn by ``numbers(*shape)``, in its dtype."""
    shapes = {
        "x": (*problem.x_shape, LANES),
        "dy": (*problem.y_shape, LANES),
        "w": problem.w_shape,
        "b": problem.y_shape[:1],
    }
    return {name: np.asarray(numbers(*shape), problem.dtype) for name, shape in shapes.items()}


def run(name: str, problem: Conv2dProblem, given: Arrays) -> Arrays:
    """y, dx, dw, db by a backend, in scratch full of NaN."""
    kernels, floats = prepare(problem, name)
    x, dy, w, b = (given[key] for key in ("x", "dy", "w", "b"))
    y, dx, dw, db = (np.full_like(array, np.nan) for array in (dy, x, w, b))
    kernels.forward(x, w, b, y, np.full(floats, np.nan, problem.dtype))
    kernels.grad_input(dy, w, dx, np.full(floats, np.nan, problem.dtype))
    kernels.grad_weight(x, dy, dw, db, np.full(floats, np.nan, problem.dtype))
    return {"y": y, "dx": dx, "dw": dw, "db": db}


def shares(name: str, problem: Conv2dProblem, given: Arrays) -> dict[str, float]:
    """The error of y, dx and dw as a share of what the tolerance allows.

    It allows a share of the largest sum of absolute products in the same plane: one image's channel, or one kernel. Where
    the products of the largest numbers sum to more than that, as at a border where the largest pixel meets the smallest
    weight alone, that sum is what counts. In float64 the oracle's own rounding is a part of the error.
    """
    expected, got = (
        expect(problem, {key: array.astype(float) for key, array in given.items()}),
        run(name, problem, given),
    )
    allowed = tolerance(problem, name) * np.finfo(problem.dtype).eps / np.finfo("float32").eps
    largest = largest_products(problem, given)
    axes = {"y": (1, 2), "dx": (1, 2), "dw": (2, 3)}
    found = {}
    for key, products in largest.items():
        error = np.abs(got[key] - expected.values[key]).max(axes[key])
        size = np.maximum(expected.sizes[key].max(axes[key]), products.reshape(error.shape))
        found[key] = float((error / (allowed * size)).max())
    return found


def largest_products(problem: Conv2dProblem, given: Arrays) -> Arrays:
    """For y and dx, of the largest number of each channel and the largest weight, summed over channels; for dw, over images."""
    G = problem.groups
    x, dy = (np.abs(given[key].astype(float)).max((1, 2)).reshape(G, -1, LANES) for key in ("x", "dy"))
    w = np.abs(given["w"].astype(float)).max((2, 3)).reshape(G, -1, problem.w_shape[1])
    return {
        "y": np.einsum("goc,gcl->gol", w, x),
        "dx": np.einsum("goc,gol->gcl", w, dy),
        "dw": np.einsum("gol,gcl->goc", dy, x),
    }


def normal(seed: int) -> Any:
    random = np.random.default_rng(seed)
    return lambda *shape: random.standard_normal(shape)


def positive(seed: int) -> Any:
    """Nothing cancels in the sums, everything in the transforms."""
    random = np.random.default_rng(seed)
    return lambda *shape: random.random(shape)


def wide(seed: int) -> Any:
    """Twelve orders of magnitude, of either sign."""
    random = np.random.default_rng(seed)
    return lambda *shape: random.choice([-1, 1], shape) * 10 ** random.uniform(-6, 6, shape)


def peaks(seed: int) -> Any:
    """Small numbers with a huge one here and there."""
    random = np.random.default_rng(seed)
    return lambda *shape: np.where(random.random(shape) < 0.02, 1e6, 1) * random.standard_normal(shape)


def alternating(seed: int) -> Any:
    """Signs in turn, as the differences in the transforms have them."""
    random = np.random.default_rng(seed)
    return lambda *shape: (-1.0) ** np.indices(shape).sum(0) * random.uniform(0.9, 1, shape)


KINDS = {"normal": normal, "positive": positive, "wide": wide, "peaks": peaks, "alternating": alternating}


def adjoint(name: str, problem: Conv2dProblem) -> None:
    """⟨dy, conv(x, w)⟩ = ⟨dx, x⟩ = ⟨dw, w⟩ in float64."""
    problem = replace(problem, dtype="float64")
    given = inputs(problem, normal(3))
    given["b"][:] = 0
    got = run(name, problem, given)
    wanted = (given["dy"] * got["y"]).sum()
    size = np.abs(given["dy"] * got["y"]).sum()
    assert abs((got["dx"] * given["x"]).sum() - wanted) < 1e-13 * size
    assert abs((got["dw"] * given["w"]).sum() - wanted) < 1e-13 * size
    assert abs(wanted) > 1e-6 * size


def poison(name: str, problem: Conv2dProblem, value: float) -> None:
    """Where the formula shows a NaN or an infinity of the input, so does the backend; here for every number of image 5."""
    clean = inputs(problem, normal(4))
    for key, outputs in {"x": ("y", "dw"), "dy": ("dx", "dw", "db"), "w": ("y", "dx")}.items():
        for place in np.ndindex(clean[key].shape[:3] if key != "w" else clean[key].shape):
            given = {other: array.copy() for other, array in clean.items()}
            given[key][place if key == "w" else (*place, 5)] = value
            with np.errstate(invalid="ignore", over="ignore"):
                got = run(name, problem, given)
            marked = inputs(problem, lambda *shape: np.zeros(shape)) | {
                other: np.ones_like(array) for other, array in clean.items() if other not in (key, "b")
            }
            marked[key][place if key == "w" else (*place, 5)] = 1
            shown = expect(problem, {other: array.astype(float) for other, array in marked.items()}).values
            for output in outputs:
                assert not np.isfinite(got[output][shown[output] != 0]).any(), (
                    f"{value} at {key}{place} is not in {output}"
                )
