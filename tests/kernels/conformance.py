"""What a backend must do, whoever wrote it: the oracle's numbers, all of its outputs, nothing else, every time the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbcnn.kernels import reference
from nbcnn.kernels.contract import LANES, Backend, Conv2dProblem, LinearProblem, PlainKernels, WeightedKernels

from .fence import Fence

Arrays = dict[str, np.ndarray]
Draw = Callable[..., np.ndarray]


def integers(seed: int, dtype: str, largest: int = 4) -> Draw:
    """Small whole numbers: sums of their products are exact in either precision, so results must be exact too."""
    random = np.random.default_rng(seed)
    return lambda *shape: random.integers(-largest, largest + 1, shape).astype(dtype)


def normal(seed: int, dtype: str) -> Draw:
    """Numbers whose every sum is rounded: the order of the sum shows in the bits."""
    random = np.random.default_rng(seed)
    return lambda *shape: random.standard_normal(shape).astype(dtype)


def draw(problem: Any, numbers: Draw) -> Arrays:
    """Inputs of a problem's kernels: packs x and dy, and w, b where it has them."""
    arrays = {"x": numbers(*problem.x_shape, LANES), "dy": numbers(*problem.y_shape, LANES)}
    if problem.kernels is WeightedKernels:
        arrays |= {"w": numbers(*problem.w_shape), "b": numbers(problem.y_shape[0])}
    return arrays


def images(pack: np.ndarray) -> np.ndarray:
    """(…, 16) to (16, …)."""
    return np.moveaxis(pack, -1, 0)


def pack(images: np.ndarray) -> np.ndarray:
    """(16, …) to (…, 16)."""
    return np.moveaxis(images, 0, -1)


class Runner:
    """Runs the kernels of a backend for a problem, in any order, on fenced arrays, with scratch of just the size asked for."""

    def __init__(self, backend: Backend, problem: Any, inputs: Arrays) -> None:
        assert backend.supports(problem) is None
        self.problem, self.kernels, self.fence = problem, backend.build(problem), Fence()
        self.inputs = {name: self.fence.input(name, array) for name, array in inputs.items()}
        self.work = self.fence.output("work", (backend.workspace(problem),), problem.dtype)

    def forward(self) -> Arrays:
        given, y = self.inputs, self._output("y", (*self.problem.y_shape, LANES))
        if isinstance(self.kernels, PlainKernels):
            self.kernels.forward(given["x"], y, self.work)
        else:
            self.kernels.forward(given["x"], given["w"], given["b"], y, self.work)
        return {"y": y}

    def grad_input(self) -> Arrays:
        given, dx = self.inputs, self._output("dx", (*self.problem.x_shape, LANES))
        if isinstance(self.kernels, PlainKernels):
            y = self.fence.input("y for grad_input", self.forward()["y"])
            self.kernels.grad_input(given["x"], y, given["dy"], dx, self.work)
        else:
            self.kernels.grad_input(given["dy"], given["w"], dx, self.work)
        return {"dx": dx}

    def grad_weight(self) -> Arrays:
        if isinstance(self.kernels, PlainKernels):
            return {}
        given, dw, db = (
            self.inputs,
            self._output("dw", self.problem.w_shape),
            self._output("db", self.problem.y_shape[:1]),
        )
        self.kernels.grad_weight(given["x"], given["dy"], dw, db, self.work)
        return {"dw": dw, "db": db}

    def _output(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        return self.fence.output(name, shape, self.problem.dtype)


def run(backend: Backend, problem: Any, inputs: Arrays) -> Arrays:
    """y, dx and, where there are weights, dw and db; after checks of all that holds whatever the numbers are."""
    runner = Runner(backend, problem, inputs)
    first = runner.forward() | runner.grad_input() | runner.grad_weight()
    # Backwards, in scratch that holds the leftovers of another kernel: none may count on what it finds there.
    second = runner.grad_weight() | runner.grad_input() | runner.forward()
    runner.fence.check()
    for name, array in first.items():
        assert not np.isnan(array).any(), f"{name} is not written everywhere"
        assert array.tobytes() == second[name].tobytes(), f"{name} is not the same the second time"
    return first


def check(backend: Backend, problem: Any, inputs: Arrays, tolerance: float = 0.0) -> None:
    """Hold a backend of conv2d or linear against the oracle; ``tolerance`` is relative to the largest number of an output."""
    got, wanted = run(backend, problem, inputs), oracle(problem, inputs)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        assert got[name].dtype == problem.dtype
        if tolerance:
            error = np.abs(got[name] - array).max() / np.abs(array).max()
            assert error <= tolerance, f"{name} is wrong by {error:.2g} of its largest number"
        else:
            np.testing.assert_array_equal(got[name], array, err_msg=name)


def oracle(problem: Any, inputs: Arrays) -> Arrays:
    """y, dx, dw and db by definition, in float64."""
    return {Conv2dProblem: _conv2d, LinearProblem: _linear}[type(problem)](problem, **inputs)


def _conv2d(p: Conv2dProblem, x: np.ndarray, dy: np.ndarray, w: np.ndarray, b: np.ndarray) -> Arrays:
    x, dy, numbers = images(x), images(dy), (p.stride, p.padding, p.dilation, p.groups)
    return {
        "y": pack(reference.conv2d(x, w, b, *numbers)),
        "dx": pack(reference.conv2d_grad_input(dy, w, (p.height, p.width), *numbers)),
        "dw": reference.conv2d_grad_weight(x, dy, p.kernel_size, *numbers),
        "db": reference.conv2d_grad_bias(dy),
    }


def _linear(p: LinearProblem, x: np.ndarray, dy: np.ndarray, w: np.ndarray, b: np.ndarray) -> Arrays:
    x, dy = images(x), images(dy)
    return {
        "y": pack(reference.linear(x, w, b)),
        "dx": pack(reference.linear_grad_input(dy, w)),
        "dw": reference.linear_grad_weight(x, dy),
        "db": dy.astype(np.float64).sum(0),
    }
