"""At the ends of the range: softmax, its logarithm, the loss, sigmoid and tanh, held against 60 decimal digits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import product
from typing import Any

import numpy as np
import pytest

from nbcnn import functional
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.registry import backend, backend_names

pytestmark = pytest.mark.trust

DTYPES = ("float32", "float64")
ROWS = ("softmax", "log_softmax")
POINTS = ("sigmoid", "tanh")
CLASSES = 5
LARGE = (0.0, 1.0, -1.0, 87.0, -104.0, 709.0, -745.0, 1e4, -1e4, 3e38, -3e38)


def scores(dtype: str) -> np.ndarray:
    """(N, K): all at one end, one at the other, mixtures, and scores whose differences are just about to underflow."""
    random = np.random.default_rng(5)
    ends = [np.full(CLASSES, value) for value in LARGE]
    one = [np.where(np.arange(CLASSES) == k, value, -value) for value in (1e4, 3e38) for k in (0, CLASSES - 1)]
    mixed = list(random.choice(LARGE, (60, CLASSES)))
    near = [1e4 + random.normal(0, 40, CLASSES) for _ in range(10)] + [3e38 * random.uniform(-1, 1, CLASSES)]
    return np.array([*ends, *one, *mixed, *near]).astype(dtype)


def gradients(shape: tuple[int, ...], dtype: str, large: float) -> np.ndarray:
    """Of outputs: small ones and ``large`` ones, also where an output's derivative is 0."""
    return np.random.default_rng(6).choice([0.5, -2.0, large, -large], shape).astype(dtype)


def exactly(numbers: np.ndarray) -> list[Decimal]:
    return [Decimal(float(number)) for number in numbers]


def exponential(number: Decimal) -> Decimal:
    return number.exp() if number > -10_000 else Decimal(0)


def probabilities(x: list[Decimal]) -> list[Decimal]:
    powers = [exponential(v - max(x)) for v in x]
    return [power / sum(powers) for power in powers]


def logarithms(x: list[Decimal]) -> list[Decimal]:
    total = sum(exponential(v - max(x)) for v in x)
    return [v - max(x) - total.ln() for v in x]


def softmax(x: list[Decimal], dy: list[Decimal]) -> tuple[list[Decimal], list[Decimal], list[Decimal]]:
    """Values, gradients, and what the gradients' roundings are shares of."""
    y = probabilities(x)
    s = sum(a * b for a, b in zip(y, dy, strict=True))
    scale = sum(a * abs(b) for a, b in zip(y, dy, strict=True))
    dx = [p * (d - s) for p, d in zip(y, dy, strict=True)]
    return y, dx, [p * (abs(d) + scale) for p, d in zip(y, dy, strict=True)]


def log_softmax(x: list[Decimal], dy: list[Decimal]) -> tuple[list[Decimal], list[Decimal], list[Decimal]]:
    y, s, scale = probabilities(x), sum(dy), sum(abs(d) for d in dy)
    dx = [d - p * s for p, d in zip(y, dy, strict=True)]
    return logarithms(x), dx, [abs(d) + p * scale for p, d in zip(y, dy, strict=True)]


def point(op: str, x: Decimal, d: Decimal) -> tuple[Decimal, Decimal]:
    """Value and gradient of sigmoid or tanh, from the exponential that can't grow."""
    e = exponential(-abs(x) * (1 if op == "sigmoid" else 2))
    if op == "sigmoid":
        return (1 if x >= 0 else e) / (1 + e), d * e / (1 + e) ** 2
    return (1 - e) / (1 + e) * (1 if x >= 0 else -1), d * 4 * e / (1 + e) ** 2


def rounded(numbers: Any, dtype: str) -> np.ndarray:
    """To the nearest that the precision has; beyond it, infinity, as rounding has it."""
    with np.errstate(over="ignore"):
        return np.array([float(n) if abs(n) < Decimal("1.7e308") else np.copysign(np.inf, n) for n in numbers]).astype(
            dtype
        )


def near(got: np.ndarray, wanted: np.ndarray, scale: Any, dtype: str, what: str, factor: float = 1) -> None:
    """Finite wherever the true number is, and off by a few roundings of ``scale``.

    Or by a few of the smallest normal number, times the ``factor`` that a value that small was multiplied by.
    """
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(wanted), err_msg=what)
    eps, tiny = float(np.finfo(dtype).eps), float(np.finfo(dtype).tiny)
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(got[~finite], wanted[~finite], err_msg=what)
    error = np.abs(got[finite].astype("f8") - wanted[finite].astype("f8"))
    allowed = 24 * eps * np.asarray(scale, "f8")[finite] + 4 * tiny * max(factor, 1)
    assert (error <= allowed).all(), f"{what}: off by {error.max():.3g}"


def packs(rows: np.ndarray) -> np.ndarray:
    """(N, K) to (P, K, 16), the last one filled with its last row."""
    whole = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % LANES, axis=0)])
    return np.ascontiguousarray(whole.reshape(-1, LANES, rows.shape[1]).transpose(0, 2, 1))


def unpacked(made: np.ndarray, count: int) -> np.ndarray:
    return made.transpose(0, 2, 1).reshape(-1, made.shape[1])[:count]


def run(op: str, name: str, x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (N, K) through a backend's kernels: forward, gradient, and forward of each image alone."""
    problem, chosen = ElementwiseProblem(op, x.shape[1], x.dtype.name), backend(op, name)
    kernels, scratch = chosen.build(problem), np.zeros(chosen.workspace(problem), x.dtype)
    xs, dys = packs(x), packs(dy)
    y, dx = np.full_like(xs, 7), np.full_like(xs, 7)
    alone = np.full_like(x, 7)
    with np.errstate(all="ignore"):
        for p in range(len(xs)):
            kernels.forward(xs[p], y[p], scratch)
            kernels.grad_input(xs[p], y[p], dys[p], dx[p], scratch)
        for n in range(len(x)):
            chosen.single(problem).forward(x[n], alone[n], scratch)  # type: ignore[attr-defined]
    return unpacked(y, len(x)), unpacked(dx, len(x)), alone


@pytest.mark.parametrize(("op", "name", "dtype"), [(o, n, d) for o in ROWS for n in backend_names(o) for d in DTYPES])
def test_of_scores_at_the_ends(op: str, name: str, dtype: str) -> None:
    x = scores(dtype)
    # The gradient of log_softmax takes the sum of dy, which may overflow of itself where dy is near the end.
    dy = gradients(x.shape, dtype, 3e38 if op == "softmax" else 3e37)
    y, dx, alone = run(op, name, x, dy)
    assert y.tobytes() == alone.tobytes()
    oracle = {"softmax": softmax, "log_softmax": log_softmax}[op]
    for n in range(len(x)):
        with localcontext(prec=60):
            wanted, slope, scale = oracle(exactly(x[n]), exactly(dy[n]))
        value, what = rounded(wanted, dtype), f"{op} of {x[n]}"
        near(y[n], value, np.maximum(np.abs(value.astype("f8")), 1 if op == "log_softmax" else 0), dtype, what)
        largest, what = float(np.abs(dy[n].astype("f8")).max()), f"gradient of {what}, dy {dy[n]}"
        near(dx[n], rounded(slope, dtype), rounded(scale, "float64"), dtype, what, largest)
    np.testing.assert_array_equal(getattr(functional, op)(x), y)


@pytest.mark.parametrize(("op", "name", "dtype"), [(o, n, d) for o in POINTS for n in backend_names(o) for d in DTYPES])
def test_of_numbers_at_the_ends(op: str, name: str, dtype: str) -> None:
    numbers = np.array([*LARGE, 20, -20, 88, -88, 16.7, -1e-30, 1e-3, 354, -354], dtype)
    given = np.array(list(product(numbers, [1, -2, 1e4, 3e38, -3e38])), dtype).T
    x, dy = given[:1].T, given[1:].T
    y, dx, alone = run(op, name, np.ascontiguousarray(x), np.ascontiguousarray(dy))
    assert y.tobytes() == alone.tobytes()
    with localcontext(prec=60):
        pairs = [point(op, v, d) for v, d in zip(exactly(x[:, 0]), exactly(dy[:, 0]), strict=True)]
    value, slope = (rounded([pair[part] for pair in pairs], dtype) for part in (0, 1))
    near(y[:, 0], value, np.abs(value), dtype, op)
    # The derivative comes from the output, which is 1 long before the derivative is 0.
    near(dx[:, 0], slope, np.abs(dy[:, 0].astype("f8")), dtype, f"gradient of {op}")


@pytest.mark.parametrize(("name", "dtype"), list(product(backend_names("cross_entropy"), DTYPES)))
def test_of_the_loss_at_the_ends(name: str, dtype: str) -> None:
    x = np.repeat(scores(dtype), CLASSES, axis=0)
    labels = np.arange(len(x)) % CLASSES
    problem, chosen = LossProblem(CLASSES, dtype), backend("cross_entropy", name)
    kernels, scratch = chosen.build(problem), np.zeros(chosen.workspace(problem), dtype)
    xs, classes = packs(x), np.resize(labels, (-(-len(x) // LANES), LANES))
    dx, losses, guesses = np.full_like(xs, 7), np.full(classes.shape, 7, dtype), np.zeros(LANES, np.int64)
    scale = np.full(LANES, 0.25, dtype)
    with np.errstate(all="ignore"):
        for p in range(len(xs)):
            kernels.forward(xs[p], classes[p], losses[p], guesses, scratch)
            kernels.grad_input(xs[p], classes[p], scale, dx[p], scratch)
    got, slopes = losses.reshape(-1)[: len(x)], unpacked(dx, len(x))
    for n, label in enumerate(labels):
        with localcontext(prec=60):
            row = exactly(x[n])
            loss, shares = -logarithms(row)[label], probabilities(row)
            wanted = [(share - (k == label)) / 4 for k, share in enumerate(shares)]
        value, what = rounded([loss], dtype), f"loss of {x[n]}, label {label}"
        near(got[n : n + 1], value, np.maximum(value, 1), dtype, what)
        near(slopes[n], rounded(wanted, dtype), np.full(CLASSES, 0.25), dtype, f"gradient of {what}")
    np.testing.assert_array_equal(functional.cross_entropy(x, labels, reduction="none"), got)


def test_at_1e4_nothing_is_infinite() -> None:
    """Said without an oracle: what overflows in the plain formula has a number here."""
    for dtype in DTYPES:
        x = np.array([[1e4, -1e4, 0, 1e4], [-1e4, -1e4, -1e4, -1e4]], dtype)
        for made in (
            functional.softmax(x),
            functional.log_softmax(x),
            functional.cross_entropy(x, np.array([1, 0]), reduction="none"),
        ):
            assert np.isfinite(made).all()
        assert functional.cross_entropy(x, np.array([1, 0]), reduction="none")[0] == pytest.approx(2e4 + np.log(2))
