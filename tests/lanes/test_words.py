"""The words that kernels are written in, each on its own, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nbcnn.compiler.jit import kernel
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.lanes import (
    LANES,
    deinterleave,
    fma,
    lane,
    lane_sum,
    load,
    load_columns,
    load_masked,
    maximum,
    plain,
    power_of_two,
    rint,
    splat,
    store,
    store_masked,
    where,
)


def numbers(dtype: str, rows: int, seed: int = 0) -> np.ndarray:
    """(rows, 16), none of them 0."""
    random = np.random.default_rng(seed)
    return (random.uniform(0.5, 4, (rows, LANES)) * random.choice([-1, 1], (rows, LANES))).astype(dtype)


@kernel
def arithmetic(x, number, whole, out):  # type: ignore[no-untyped-def]
    """One row of ``out`` for each way to write an operation; a product and a sum never meet, so nothing is fused."""
    u, v = load(x, (0,)), load(x, (1,))
    store(out, (0,), u + v)
    store(out, (1,), u - v)
    store(out, (2,), u * v)
    store(out, (3,), u / v)
    store(out, (4,), -u)
    store(out, (5,), u + number)
    store(out, (6,), number - u)
    store(out, (7,), u * number)
    store(out, (8,), number / u)
    store(out, (9,), whole + u)
    store(out, (10,), u - whole)
    store(out, (11,), whole * u)
    store(out, (12,), u / whole)
    store(out, (13,), 1 / u)
    s = t = u
    s += v
    store(out, (14,), s)
    s = u
    s -= number
    store(out, (15,), s)
    s = u
    s *= whole
    store(out, (16,), s)
    s = u
    s /= v
    store(out, (17,), s)
    store(out, (18,), t)  # lanes are values: t is still what u was
    store(out, (19,), u)


def test_arithmetic(dtype: str) -> None:
    x, out = numbers(dtype, 2), np.full((20, LANES), np.nan, dtype)
    (u, v), a, k = x, np.dtype(dtype).type(1.7), 3
    arithmetic(x, a, k, out)
    wanted = [u + v, u - v, u * v, u / v, -u, u + a, a - u, u * a, a / u, k + u, u - k, k * u, u / k, 1 / u]
    wanted += [u + v, u - a, u * k, u / v, u, u]
    for row, (got, right) in enumerate(zip(out, wanted, strict=True)):
        np.testing.assert_array_equal(got, right, err_msg=f"row {row}")


@kernel
def fused(x, out):  # type: ignore[no-untyped-def]
    s = load(x, (0,))
    s += load(x, (1,)) * load(x, (2,))
    store(out, (0,), s)


@pytest.mark.jit
def test_a_sum_of_a_product_is_rounded_once_where_the_machine_can() -> None:
    x, out = numbers("float32", 3), np.empty((1, LANES), np.float32)
    fused(x, out)
    once = (x[0] + x[1].astype("float64") * x[2]).astype("float32")
    twice = x[0] + x[1] * x[2]
    assert not np.array_equal(once, twice)
    np.testing.assert_array_equal(out[0], once if has_fma() else twice)


@kernel
def difference_of_products(x, out):  # type: ignore[no-untyped-def]
    """out (2, 16) of the same numbers as lanes and one by one."""
    store(out, (0,), fma(load(x, (0,)), load(x, (1,)), -(load(x, (2,)) * load(x, (3,)))))
    for l in range(out.shape[1]):
        out[1, l] = fma(x[0, l], x[1, l], -(x[2, l] * x[3, l]))


@pytest.mark.jit
def test_fma_says_which_of_two_products_is_not_rounded() -> None:
    x, out = numbers("float32", 4), np.empty((2, LANES), np.float32)
    difference_of_products(x, out)
    wide = x.astype("float64")
    first = (wide[0] * wide[1] - x[2] * x[3]).astype("float32")
    assert not np.array_equal(first, (x[0] * x[1] - wide[2] * wide[3]).astype("float32"))
    np.testing.assert_array_equal(out, [first, first])


def has_fma() -> bool:
    """Any 64-bit ARM has fused multiply-add, an x86 since 2013."""
    import platform

    from llvmlite.binding import get_host_cpu_features

    return platform.machine() in ("aarch64", "arm64") or bool(get_host_cpu_features().get("fma"))


@kernel
def comparisons(x, number, whole, out):  # type: ignore[no-untyped-def]
    u, v = load(x, (0,)), load(x, (1,))
    one, zero = splat(number), splat(number - number)
    store(out, (0,), where(u == v, one, zero))
    store(out, (1,), where(u != v, one, zero))
    store(out, (2,), where(u < v, one, zero))
    store(out, (3,), where(u <= v, one, zero))
    store(out, (4,), where(u > v, one, zero))
    store(out, (5,), where(u >= v, one, zero))
    store(out, (6,), where(u > number, one, zero))
    store(out, (7,), where(whole >= u, one, zero))
    store(out, (8,), where((u < v) & (u > 0), one, zero))
    store(out, (9,), where((u < v) | (u != u), one, zero))
    store(out, (10,), where(u < v, u, number))
    store(out, (11,), where(u < v, whole, v))
    store(out, (12,), maximum(u, v))
    store(out, (13,), maximum(v, u))
    store(out, (14,), maximum(u, 0))
    store(out, (15,), maximum(number, u))


def test_comparisons_and_choices_keep_nan_visible(dtype: str) -> None:
    specials = np.array([0.0, 1.0, 2.0, 5.0, -1.0, np.nan, np.inf, -np.inf])
    x = np.array([np.resize(specials, LANES), np.resize([1.0, 1.0, np.nan, 0.0, -3.0], LANES)], dtype)
    out, (u, v), a, k = np.empty((16, LANES), dtype), x, np.dtype(dtype).type(1), 2
    comparisons(x, a, k, out)
    wanted = [u == v, u != v, u < v, u <= v, u > v, u >= v, u > a, k >= u, (u < v) & (u > 0), (u < v) | (u != u)]
    wanted += [np.where(u < v, u, a), np.where(u < v, k, v)]
    wanted += [np.maximum(u, v), np.maximum(v, u), np.maximum(u, 0), np.maximum(a, u)]
    for row, (got, right) in enumerate(zip(out, wanted, strict=True)):
        np.testing.assert_array_equal(got, np.asarray(right, dtype), err_msg=f"row {row}")
    assert np.isnan(out[12:16]).any(1).all()


@kernel
def roundings(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        store(out, (0, i), rint(load(x, (i,))))
        store(out, (1, i), power_of_two(rint(load(x, (i,)))))


def test_rint_and_power_of_two(dtype: str) -> None:
    lowest, highest = np.finfo(dtype).minexp, np.finfo(dtype).maxexp - 1
    ties = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, -0.0]
    x = np.concatenate([np.linspace(lowest, highest, 24), ties]).reshape(2, LANES).astype(dtype)
    out = np.empty((2, 2, LANES), dtype)
    roundings(x, out)
    np.testing.assert_array_equal(out[0], np.rint(x))
    np.testing.assert_array_equal(out[1], np.exp2(np.rint(x.astype("float64"))))
    assert out[1].min() == np.finfo(dtype).tiny


@kernel
def places(x, flat, pack, out):  # type: ignore[no-untyped-def]
    store(out, (0,), load(x, (1,)))
    store(out, (1,), load(x, (1, 2, 3)))  # not on a multiple of 16
    store(out, (2,), load(flat, (5,)))
    store(out, (3,), load(pack, (2, 1)))
    store(out, (4, 0), load(pack, (2,)))
    store(pack, (0, 2), splat(flat[3]))
    store(flat, (7,), splat(flat[2]))


def test_places(dtype: str) -> None:
    fence, values = GuardedArrays(), np.arange(2 * 3 * 40).reshape(2, 3, 40).astype(dtype)
    x, out = fence.input("x", values), fence.output("out", (5, LANES), dtype)
    flat, pack = fence.output("flat", (24,), dtype), fence.output("pack", (3, 4, LANES), dtype)
    flat[...] = before = np.arange(24)
    pack[...] = 1000 + np.arange(pack.size).reshape(pack.shape)
    places(x, flat, pack, out)
    fence.check()
    np.testing.assert_array_equal(out[0], values[1, 0, :16])
    np.testing.assert_array_equal(out[1], values[1, 2, 3:19])
    np.testing.assert_array_equal(out[2], before[5:21])
    np.testing.assert_array_equal(out[3], 1000 + (2 * 4 + 1) * 16 + np.arange(16))
    np.testing.assert_array_equal(out[4], 1000 + 2 * 4 * 16 + np.arange(16))
    np.testing.assert_array_equal(pack[0, 2], np.full(LANES, 3))
    np.testing.assert_array_equal(pack[0, 1], 1000 + 16 + np.arange(16))
    np.testing.assert_array_equal(pack[0, 3], 1000 + 48 + np.arange(16))
    np.testing.assert_array_equal(flat, [*range(7), *[2] * 16, 23])


@kernel
def sums(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        v = load(x, (i,))
        out[i, 0] = lane_sum(v)
        for l in range(LANES):
            out[i, 1 + l] = lane(v, l)


def by_distance(numbers: list[Any]) -> Any:
    """Neighbours at distance 8, then 4, 2, 1, as the documentation has it; one number after the other."""
    while len(numbers) > 1:
        half = len(numbers) // 2
        numbers = [numbers[i] + numbers[i + half] for i in range(half)]
    return numbers[0]


def test_lane_sum_has_one_order(dtype: str) -> None:
    x = (numbers(dtype, 300) * 10.0 ** np.random.default_rng(1).integers(-4, 5, (300, LANES))).astype(dtype)
    out = np.empty((len(x), 1 + LANES), dtype)
    sums(x, out)
    assert out[:, 0].tobytes() == np.array([by_distance(list(row)) for row in x]).tobytes()
    assert out[:, 0].tobytes() == np.array([plain.lane_sum(row) for row in x]).tobytes()
    assert (out[:, 0] != np.array([sum(row[1:], row[0]) for row in x])).any()  # else the order would not show
    np.testing.assert_array_equal(out[:, 1:], x)


@kernel
def part(x, index, count, out):  # type: ignore[no-untyped-def]
    v = load_masked(x, index, count)
    store(out, (0,), v)
    store_masked(out, (1, 0), v + 1, count)


@pytest.mark.parametrize("count", [-3, 0, 1, 7, 15, 16, 40])
def test_a_part_of_a_vector(count: int, dtype: str) -> None:
    fence = GuardedArrays()
    x = fence.input("x", np.arange(1, 41).reshape(2, 20).astype(dtype))
    out = fence.output("out", (2, LANES), dtype)
    out[:] = -5
    some = min(max(count, 0), LANES)
    part(x, (1, 20 - some if some else 0), count, out)
    taken = x[1, 20 - some :] if some else x[1, :0]
    np.testing.assert_array_equal(out[0], [*taken, *[0] * (LANES - some)])
    np.testing.assert_array_equal(out[1], [*(taken + 1), *[-5] * (LANES - some)])
    fence.check()


@kernel
def turned(x, o, f, out):  # type: ignore[no-untyped-def]
    v0, v1, v2, v3 = load_columns(x, (o, f))
    store(out, (0,), v0)
    store(out, (1,), v1)
    store(out, (2,), v2)
    store(out, (3,), v3)
    store(out, (4,), deinterleave(v0, v1))


def test_columns_become_vectors(dtype: str) -> None:
    x, out = np.arange(18 * 7).reshape(18, 7).astype(dtype), np.empty((5, LANES), dtype)
    turned(x, 2, 3, out)
    np.testing.assert_array_equal(out[:4], x[2:, 3:7].T)
    np.testing.assert_array_equal(out[4], [*x[2::2, 3], *x[2::2, 4]])


def test_plain_words_refuse_what_lies_outside() -> None:
    x = np.zeros((18, 7))
    with pytest.raises(IndexError, match=r"5 lanes at \(0, 3\) are outside an array of shape \(18, 7\)"):
        plain.load_masked(x, (0, 3), 5)
    with pytest.raises(IndexError, match=r"16 rows of 4 columns at \(3, 0\) are outside an array of shape"):
        plain.load_columns(x, (3, 0))
