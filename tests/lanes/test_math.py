"""exp, expm1, sigmoid and erf of lanes against exact arithmetic, over their whole range; sqrt."""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np

from nbcnn.compiler.host import fuses, is_compiled
from nbcnn.compiler.jit import kernel
from nbcnn.lanes import LANES, erf, exp, expm1, load, sigmoid, sqrt, store
from nbcnn.lanes.math import any_lane, rint_and_power


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


def rounded_once(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a · b + c of float32, where the machine fuses them: a product of two is exact in float64."""
    return (a.astype(np.float64) * b + c).astype(np.float32)


def rounded_twice(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    return a * b + c


def transcribed(v: np.ndarray) -> np.ndarray:
    """The sigmoid's formula in NumPy's float32, the clamp always there, n by NumPy's rint, the power by its ldexp."""
    number, add_product = np.float32, rounded_once if is_compiled() and fuses() else rounded_twice
    v = np.where(v < -88.8, number(-88.8), np.where(v > 87, number(87), v))
    n = np.rint(v * number(1.442695040888963))
    r = add_product(-n, number(0.693359375), v)
    r = add_product(-n, number(-2.12194440e-4), r)
    p = np.full_like(v, number(1 / 5040))
    for factor in (720, 120, 24, 6, 2, 1, 1):
        p = add_product(-p, r, number(1 / factor))
    with np.errstate(over="ignore"):
        power = np.ldexp(number(1), -n.astype(int))
        result: np.ndarray = 1 / add_product(p, power, number(1))
    return result


def near_halves() -> np.ndarray:
    """Numbers whose quotient by ln 2 is so near to a half that fusing would round some of them to another n."""
    half = np.float32(np.log(2) * (np.arange(-126, 126) + 0.5))
    return (half.view(np.int32)[:, None] + np.arange(-8, 9, dtype=np.int32)).view(np.float32).ravel()


def test_sigmoid_is_its_formula_to_the_bit() -> None:
    """Packs with all numbers inside of ±87, where nothing is clamped, all above, all below, and some of each."""
    random = np.random.default_rng(4)
    inside = [near_halves(), random.uniform(-87, 87, 20000), random.normal(0, 2, 20000), np.linspace(-1, 1, 4001)]
    beyond = [np.linspace(-90, -86, 40000), np.linspace(87, 400, 4000), np.repeat([1e5, np.inf, -np.inf], LANES)]
    beyond += [[87, 87.00001, -87, -87.00001, 3e38, -3e38, np.inf, -np.inf, 0.0, -0.0]]
    mixed = random.permutation(np.concatenate([*inside, *beyond]))
    x = np.concatenate([*inside, *beyond, mixed]).astype(np.float32)
    x = x[: x.size // LANES * LANES].reshape(-1, LANES)
    got = np.empty_like(x)
    with np.errstate(over="ignore"):
        sigmoids(x, got)
    np.testing.assert_array_equal(got.view(np.uint32), transcribed(x).view(np.uint32))


def test_sigmoid_of_nan_is_nan_and_of_its_neighbours_is_not() -> None:
    for others in (0, 100):
        x = np.full((1, LANES), others, np.float32)
        x[0, 5], got = np.nan, np.empty_like(x)
        sigmoids(x, got)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(x))


@kernel
def whole_numbers_and_powers(x, factor, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        n, power = rint_and_power(load(x, (i,)) * factor)
        store(out, (0, i), n)
        store(out, (1, i), power)


def test_rint_and_power_round_a_product_before_they_use_it(dtype: str) -> None:
    numbers = np.concatenate([near_halves(), np.arange(-84, 84) + 0.5, np.linspace(-80, 80, 8012)]).astype(dtype)
    x, factor = numbers.reshape(-1, LANES), np.dtype(dtype).type(np.log2(np.e))
    out = np.empty((2, *x.shape), dtype)
    whole_numbers_and_powers(x, factor, out)
    n = np.rint(x * factor)
    np.testing.assert_array_equal(out, [n, np.ldexp(np.ones_like(x), n.astype(int))])
    halves = np.arange(-64, 64, dtype=dtype).reshape(-1, LANES) + np.dtype(dtype).type(0.5)
    out = np.empty((2, *halves.shape), dtype)
    whole_numbers_and_powers(halves, np.dtype(dtype).type(1), out)
    np.testing.assert_array_equal(out[0], np.rint(halves))  # to even


@kernel
def lanes_above(x, least, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        out[i] = 1 if any_lane(load(x, (i,)) > least) else 0


def test_any_lane_sees_each_one(dtype: str) -> None:
    x, out = np.zeros((LANES + 2, LANES), dtype), np.empty(LANES + 2, np.int64)
    x[:LANES][np.eye(LANES, dtype=bool)] = 2
    x[LANES] = np.nan
    lanes_above(x, np.dtype(dtype).type(1), out)
    np.testing.assert_array_equal(out, [1] * LANES + [0, 0])


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
