"""exp, expm1, sigmoid and erf of lanes against exact arithmetic, over their whole range; sqrt."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import LANES, erf, exp, expm1, load, sigmoid, sqrt, store


@kernel
def exponentials(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        v = load(x, (i,))
        store(out, (0, i), exp(v))
        store(out, (1, i), expm1(v))


def exponentials_of(x: np.ndarray) -> np.ndarray:
    """(2, size): exp and expm1."""
    padded = np.zeros((-(-x.size // LANES), LANES), x.dtype)
    padded.reshape(-1)[: x.size] = x
    out = np.empty((2, *padded.shape), x.dtype)
    with np.errstate(over="ignore"):
        exponentials(padded, out)
    return out.reshape(2, -1)[:, : x.size]


def units_in_the_last_place(got: np.ndarray, x: np.ndarray, less: int) -> float:
    """The largest error of ``got`` as exp(x) - less, in units of the last place of the true number."""
    getcontext().prec = 40
    worst = 0.0
    for value, result in zip(x, got, strict=True):
        v = Decimal(float(value))
        true = v + v * v / 2 if less and abs(v) < Decimal("1e-15") else v.exp() - less
        unit = np.spacing(abs(got.dtype.type(true)))
        worst = max(worst, float(abs(Decimal(float(result)) - true) / Decimal(float(unit))))
    return worst


RANGE = {"float32": (-103.2, 88.72283), "float64": (-744.4, 709.7827)}
"""From the smallest number above 0 (far below the normal ones) to the largest below infinity."""


def test_exp_and_expm1_to_two_units_in_the_last_place(dtype: str) -> None:
    random, (lowest, highest) = np.random.default_rng(2), RANGE[dtype]
    bottom = np.log(float(np.finfo(dtype).tiny))
    x = np.concatenate(
        [
            np.linspace(lowest, highest, 1500),
            random.uniform(lowest, bottom, 500),
            random.uniform(highest - 2, highest, 500),
            random.uniform(-1, 1, 2000),
            np.ldexp(random.uniform(-1, 1, 1000), random.integers(np.finfo(dtype).minexp, 3, 1000)),
        ]
    ).astype(dtype)
    exps, expm1s = exponentials_of(x)
    assert np.isfinite(exps).all() and np.isfinite(expm1s).all()
    assert units_in_the_last_place(exps, x, 0) <= 1.25  # 1.06 measured, 0.94 in float64
    assert units_in_the_last_place(expm1s, x, 1) <= 2  # 1.64 measured, 1.78 in float64


def test_exp_and_expm1_beyond_the_range(dtype: str) -> None:
    above = {"float32": 88.7229, "float64": 709.783}[dtype]
    below = {"float32": -104.0, "float64": -746.0}[dtype]
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, above, 1e4, 1e30, below, -1e4, -1e30], dtype)
    exps, expm1s = exponentials_of(x)
    infinite = float("inf")
    np.testing.assert_array_equal(exps, [1, 1, infinite, 0, np.nan, infinite, infinite, infinite, 0, 0, 0])
    np.testing.assert_array_equal(expm1s, [0, 0, infinite, -1, np.nan, infinite, infinite, infinite, -1, -1, -1])


def test_expm1_of_tiny_numbers_is_the_number(dtype: str) -> None:
    smallest = float(np.finfo(dtype).smallest_subnormal)
    x = np.array([smallest, -smallest, 3 * smallest, float(np.finfo(dtype).tiny), -1e-30, 1e-20], dtype)
    np.testing.assert_array_equal(exponentials_of(x)[1], x)


@kernel
def sigmoids(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        store(out, (i,), sigmoid(load(x, (i,))))


def test_sigmoid_is_near_and_ends_at_the_smallest_normal_number(dtype: str) -> None:
    lowest = np.log(float(np.finfo(dtype).tiny))
    x = np.concatenate([np.linspace(lowest, 40, 4000), np.linspace(lowest - 3, lowest, 80)]).astype(dtype)
    x = x.reshape(-1, LANES)
    got = np.empty_like(x)
    with np.errstate(over="ignore"):
        sigmoids(x, got)
    true = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    normal = true >= np.finfo(dtype).tiny
    assert (abs(got - true) / true)[normal].max() <= 2 * np.finfo(dtype).eps  # 1.06 measured, 0.83 in float64
    assert (abs(got - true))[~normal].max() <= np.finfo(dtype).tiny
    assert got[-5].max() == 0  # the lowest of them


@kernel
def error_functions(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        store(out, (i,), erf(load(x, (i,))))


def error_function_of(x: np.ndarray) -> np.ndarray:
    padded, got = np.zeros((-(-x.size // LANES), LANES), x.dtype), np.empty((-(-x.size // LANES), LANES), x.dtype)
    padded.reshape(-1)[: x.size] = x
    with np.errstate(all="ignore"):
        error_functions(padded, got)
    return got.reshape(-1)[: x.size]


def exact_erf(value: float) -> Decimal:
    """2/√π · e**-x² · Σ 2**k x**(2k + 1) / (1·3·5 … (2k + 1)): all terms have one sign."""
    getcontext().prec = 40
    v, root_pi = Decimal(value), Decimal("1.772453850905516027298167483341145182798")
    term = total = v
    k = 0
    while abs(term) > abs(total) * Decimal("1e-38"):
        k += 1
        term *= 2 * v * v / (2 * k + 1)
        total += term
    return 2 / root_pi * (-v * v).exp() * total


def test_erf_to_two_units_in_the_last_place(dtype: str) -> None:
    random, end = np.random.default_rng(3), {"float32": 4, "float64": 6}[dtype]
    x = np.concatenate(
        [
            np.linspace(-end - 0.2, end + 0.2, 600),
            random.uniform(0.98, 1.02, 200),  # where one formula follows the other
            random.uniform(-1, 1, 600),
            np.ldexp(random.uniform(-1, 1, 100), random.integers(np.finfo(dtype).minexp + 30, 0, 100)),
        ]
    ).astype(dtype)
    got, worst = error_function_of(x), 0.0
    for value, result in zip(x, got, strict=True):
        true = exact_erf(float(value))
        unit = float(np.spacing(abs(got.dtype.type(true))))
        worst = max(worst, float(abs(Decimal(float(result)) - true)) / unit)
    assert worst <= 2
    np.testing.assert_array_equal(got, -error_function_of(-x))  # odd, to the bit


def test_erf_at_the_ends(dtype: str) -> None:
    infinite, tiny = float("inf"), float(np.finfo(dtype).tiny)
    x = np.array([0, -0.0, infinite, -infinite, np.nan, 1e30, -1e30, 7, -7], dtype)
    got = error_function_of(x)
    np.testing.assert_array_equal(got, [0, 0, 1, -1, np.nan, 1, -1, 1, -1])
    assert list(np.signbit(got[:2])) == [False, True]
    np.testing.assert_allclose(error_function_of(np.array([tiny], dtype)), [1.1283791670955126 * tiny], rtol=1e-6)


@kernel
def roots(x, out):  # type: ignore[no-untyped-def]
    store(out, (0,), sqrt(load(x, (0,))))


def test_sqrt_is_rounded_correctly(dtype: str) -> None:
    x = np.random.default_rng(4).uniform(0, 100, (1, LANES)).astype(dtype)
    x[0, :5] = [0, np.inf, -1, np.nan, np.finfo(dtype).smallest_subnormal]
    got = np.empty_like(x)
    roots(x, got)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(got, np.sqrt(x))
