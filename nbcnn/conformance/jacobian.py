"""Gradient check: the Jacobian of the gradient kernels against differences of the forward kernel.

Steps and tolerances are those of PyTorch's gradcheck, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from nbcnn.conformance.formatting import described, figure
from nbcnn.conformance.grid import Case
from nbcnn.conformance.guarded_arrays import guarded
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import BrokenError, KernelRunner
from nbcnn.conformance.signatures import Array, calls, dtype, shape
from nbcnn.kernels.batch_norm.op import BatchNormKernels
from nbcnn.kernels.contract import LANES, Backend, NormKernels, WeightedKernels
from nbcnn.kernels.cross_entropy.op import LossKernels

EPS, ATOL, RTOL = 1e-6, 1e-5, 1e-3


def check_jacobian(backend: Backend, problem: Any, report: Report) -> None:
    """The whole Jacobian of each output by each input of a small float64 problem."""
    case = Case(problem)
    try:
        for name, analytic, numeric in jacobians(KernelRunner(backend, problem)):
            wrong = ~(np.abs(analytic - numeric) <= ATOL + RTOL * np.abs(numeric))
            if not wrong.any():
                report.ok("jacobian", worst=float((np.abs(analytic - numeric) / (ATOL + RTOL * np.abs(numeric))).max()))
                continue
            i, j = np.argwhere(wrong)[0]
            numbers = f"got {figure(analytic[i, j])}, differences give {figure(numeric[i, j])}"
            source = name.removeprefix("d")
            report.fail(
                "jacobian",
                f"{name}: {int(wrong.sum()):,} of {wrong.size:,} derivatives are wrong, first that of output "
                f"number {i} by number {j} of {source}: {numbers}",
                described(case),
                name,
                _hint(analytic, numeric),
            )
    except BrokenError as error:
        report.fail("jacobian", str(error), described(case))


def jacobians(rig: KernelRunner) -> Iterator[tuple[str, Array, Array]]:
    """For each gradient its name, the Jacobian (outputs, inputs) by the gradient kernel, and the one by differences."""
    if rig.problem.kernels in (WeightedKernels, NormKernels):
        yield from _weighted(rig)
    elif rig.problem.kernels is LossKernels:
        yield from _loss(rig)
    elif rig.problem.kernels is BatchNormKernels:
        yield from _batch_norm(rig)
    else:
        yield from _plain(rig)


def differences(forward: Callable[[Array], Array], x: Array) -> Array:
    """The Jacobian (outputs, inputs) of ``forward``, which takes packs (…, 16), at one image x: 8 inputs at a time."""
    columns: list[Array] = []
    for first in range(0, x.size, 8):
        moved = np.repeat(x.reshape(-1, 1), LANES, axis=1)
        for l in range(min(8, x.size - first)):
            moved[first + l, l] += EPS
            moved[first + l, 8 + l] -= EPS
        y = forward(moved.reshape(*x.shape, LANES)).reshape(-1, LANES)
        columns += [(y[:, l] - y[:, 8 + l]) / (2 * EPS) for l in range(min(8, x.size - first))]
    return np.stack(columns, 1)


def rows(grad_input: Callable[[Array], Array], shape: tuple[int, ...]) -> Array:
    """The Jacobian (outputs, inputs) by ``grad_input``, which takes packs of dy (…, 16): 16 outputs at a time."""
    size, found = prod(shape), []
    for first in range(0, size, LANES):
        dy = np.eye(size, LANES, -first).reshape(*shape, LANES)
        found += list(grad_input(dy).reshape(-1, LANES).T[: size - first])
    return np.stack(found)


def spread(image: Array) -> Array:
    """The same image in every lane."""
    return np.repeat(image[..., None], LANES, axis=-1)


def _weighted(rig: KernelRunner) -> Iterator[tuple[str, Array, Array]]:
    p, run = rig.problem, _Runs(rig)
    x, w, b = _numbers(*p.x_shape), _numbers(*p.w_shape, seed=1), _numbers(p.y_shape[0], seed=2)
    image, size = spread(x), prod(p.y_shape)
    yield (
        "dx",
        rows(lambda dy: run("grad_input", x=image, dy=dy, w=w)[0], p.y_shape),
        differences(lambda moved: run("forward", x=moved, w=w, b=b)[0], x),
    )
    # Weights are the same for all images: one forward pass for each step of each weight, one backward for each output.
    analytic: dict[str, list[Array]] = {"dw": [], "db": []}
    for number in range(size):
        dy = np.zeros((size, LANES))
        dy[number, number % LANES] = 1
        dw, db = run("grad_weight", x=image, dy=dy.reshape(*p.y_shape, LANES))
        analytic["dw"].append(dw.reshape(-1))
        analytic["db"].append(db)
    for name, tensor in (("dw", w), ("db", b)):
        columns = []
        for index in np.ndindex(tensor.shape):
            ys = []
            for step in (EPS, -EPS):
                moved = tensor.copy()
                moved[index] += step
                ys.append(run("forward", **{"x": image, "w": w, "b": b, name[1:]: moved})[0])
            columns.append((ys[0] - ys[1])[..., 0].reshape(-1) / (2 * EPS))
        yield name, np.stack(analytic[name]), np.stack(columns, 1)


def _plain(rig: KernelRunner) -> Iterator[tuple[str, Array, Array]]:
    p, run = rig.problem, _Runs(rig)
    # All different and none 0, by far more than a step: the largest stays the largest.
    order = np.random.default_rng(3).permutation(prod(p.x_shape))
    x = (order - order.size / 2 + 0.25).reshape(p.x_shape) / 8
    image = spread(x)
    y = run("forward", x=image)[0]
    yield (
        "dx",
        rows(lambda dy: run("grad_input", x=image, y=y, dy=dy)[0], p.y_shape),
        differences(lambda moved: run("forward", x=moved)[0], x),
    )


def _loss(rig: KernelRunner) -> Iterator[tuple[str, Array, Array]]:
    """The gradient of 3 · loss, for each label."""
    classes, run = rig.problem.classes, _Runs(rig)
    x, scale = _numbers(classes, seed=4), np.full(LANES, 3.0)
    analytic, numeric = [], []
    for label in range(classes):
        labels = np.full(LANES, label)
        analytic.append(run("grad_input", x=spread(x), labels=labels, scale=scale)[0][:, 0])
        numeric.append(differences(lambda moved, labels=labels: 3 * run("forward", x=moved, labels=labels)[0], x)[0])  # type: ignore[misc]
    yield "dx", np.stack(analytic), np.stack(numeric)


def _batch_norm(rig: KernelRunner) -> Iterator[tuple[str, Array, Array]]:
    """Of all images at once, for each number moves the statistics; dw and db, which dx is made of, are held in turn."""
    p, run = rig.problem, _Runs(rig)
    x, w, b = _numbers(*p.x_shape, LANES), 1 + _numbers(p.channels, seed=1), _numbers(p.channels, seed=2)

    def statistics(x: Array, w: Array) -> Array:
        mean, var = x.mean((1, 2)), x.var((1, 2))
        return np.stack([mean, 1 / np.sqrt(var), w / np.sqrt(var), var])

    def moved(array: Array, forward: Callable[[Array], Array]) -> Array:
        columns = []
        for number in range(array.size):
            ys = [forward(array + step * np.eye(1, array.size, number).reshape(array.shape)) for step in (EPS, -EPS)]
            columns.append((ys[0] - ys[1]).reshape(-1) / (2 * EPS))
        return np.stack(columns, 1)

    given, analytic = statistics(x, w), {"dw": list[Array](), "db": list[Array](), "dx": list[Array]()}
    for number in range(x.size):
        dy = np.eye(1, x.size, number).reshape(x.shape)
        dw, db = run("grad_weight", x=x, dy=dy, statistics=given)
        means = np.stack([dw, db]) * p.channels / x.size
        for name, array in (
            ("dw", dw),
            ("db", db),
            ("dx", run("grad_input", x=x, dy=dy, statistics=given, means=means)[0]),
        ):
            analytic[name].append(array.reshape(-1))
    yield "dw", np.stack(analytic["dw"]), moved(w, lambda w: run("forward", x=x, statistics=statistics(x, w), b=b)[0])
    yield "db", np.stack(analytic["db"]), moved(b, lambda b: run("forward", x=x, statistics=given, b=b)[0])
    yield "dx", np.stack(analytic["dx"]), moved(x, lambda x: run("forward", x=x, statistics=statistics(x, w), b=b)[0])


class _Runs:
    """Calls of a kernel by its name, from arrays, those that it reads among them, to those that it wrote."""

    def __init__(self, rig: KernelRunner) -> None:
        self.rig, self.work = rig, guarded((int(rig.workspace),), rig.problem.dtype)
        self.calls = {call.kernel: call for call in calls(rig.problem)}

    def __call__(self, kernel: str, **given: Array) -> list[Array]:
        call, p = self.calls[kernel], self.rig.problem
        written = [guarded(shape(p, name), dtype(p, name)) for name in call.writes]
        self.rig.call(call, [np.ascontiguousarray(given[name]) for name in call.reads], written, self.work)
        return written


def _numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def _hint(analytic: Array, numeric: Array) -> str:
    """A simple relation between the two Jacobians, such as a factor."""
    largest = np.unravel_index(np.abs(numeric).argmax(), numeric.shape)
    factor = float(analytic[largest] / numeric[largest]) if numeric[largest] else 0.0
    if not analytic.any():
        return "all of them are 0"
    if np.allclose(analytic, factor * numeric, RTOL, ATOL):
        return f"all of them are {factor:.4g} times what they should be"
    return ""
