"""The words for blocks of sums, against NumPy, compiled and plain; what they refuse; how large blocks are."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

from nbcnn.compiler import host
from nbcnn.compiler.jit import kernel
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.errors import KernelError
from nbcnn.kernels import register_blocks
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d import _sizes
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.lanes import (
    add_products,
    add_sums,
    add_windows,
    lane_sum,
    load_block,
    load_each,
    plain,
    prefetch,
    repeated,
    scalars,
    start_sums,
    store_each,
    store_sums,
    strided,
)


def _block(x, w, b, y, dw):  # type: ignore[no-untyped-def]
    """2 x 3 sums that begin with b[1], b[2]: + w[1, i, :2] x ..., then + lanes x lanes."""
    rows, columns = strided(1, 1, (0, 0)), strided(0, 2, (0, 0, 0))
    s = start_sums(scalars(b, (rows,)), columns)
    kept = s
    for i in range(2):
        s = add_products(s, scalars(w, (rows, i, 1)), load_each(x, (i, columns)))
    store_each(y, (rows, 0, columns), s)
    s = add_products(kept, load_each(x, (rows, 1)), load_each(x, (1, columns)))
    store_each(y, (rows, 1, columns), s)
    store_sums(dw, (rows, 1, columns), start_sums(repeated(b[0], rows), columns))
    store_sums(dw, (rows, 0, columns), s)


COMPILED = kernel(_block)


def words(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in dir(module) if not name.startswith("__")}


PLAIN = type(_block)(_block.__code__, {**globals(), **words(plain)})


@pytest.mark.parametrize("function", [COMPILED, PLAIN], ids=["compiled", "plain"])
def test_a_block_of_two_by_three(function: Any, dtype: str) -> None:
    random, fence = np.random.default_rng(1), GuardedArrays()
    x = fence.input("x", random.integers(-4, 5, (3, 6, LANES)).astype(dtype))
    w = fence.input("w", random.integers(-4, 5, (4, 2, 3)).astype(dtype))
    b = fence.input("b", np.arange(3, 6).astype(dtype))
    y, dw = fence.output("y", (4, 2, 5, LANES), dtype), fence.output("dw", (4, 2, 5), dtype)
    y[...], dw[...] = -1000, -1000
    function(x, w, b, y, dw)
    fence.check()
    for o in (1, 2):
        for n, q in enumerate((0, 2, 4)):
            assert y[o, 0, q].tolist() == (b[o] + w[o, 0, 1] * x[0, q] + w[o, 1, 1] * x[1, q]).tolist(), (o, n)
            by_lanes = b[o] + x[o, 1] * x[1, q]
            assert y[o, 1, q].tolist() == by_lanes.tolist()
            assert dw[o, 0, q] == by_lanes.sum()
            assert dw[o, 1, q] == LANES * b[0]
    assert (y[[0, 3]] == -1000).all() and (y[:, :, [1, 3]] == -1000).all()
    assert (dw[[0, 3]] == -1000).all() and (dw[:, :, [1, 3]] == -1000).all()


def _moved(x, y):  # type: ignore[no-untyped-def]
    """x[1:3, :, [0, 2, 4]], row 1 of the second axis, to y."""
    rows, columns = strided(1, 1, (0, 0)), strided(0, 2, (0, 0, 0))
    store_each(y, (strided(0, 1, rows), strided(0, 1, columns)), load_block(x, (rows, 1, columns)))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_block_comes_back_as_it_was_put(compiled: bool, dtype: str) -> None:
    function = kernel(_moved) if compiled else type(_moved)(_moved.__code__, {**globals(), **words(plain)})
    x = np.random.default_rng(2).standard_normal((4, 2, 5, LANES)).astype(dtype)
    y = np.zeros((2, 3, LANES), dtype)
    function(x, y)
    assert np.array_equal(y, x[1:3, 1, [0, 2, 4]])


def _windows(x, w, dy, y):  # type: ignore[no-untyped-def]
    """2 x 3 sums that begin with 0.5: windows of x over w's rows, behind them those over dy's."""
    rows, columns, taps = (0, 0), (0, 0, 0), (0, 0)
    row = load_each(x, (1, strided(1, 1, (0, 0, 0, 0))))
    os, ks = strided(1, 1, rows), strided(0, 1, taps)
    start = start_sums(repeated(w.dtype.type(0.5), rows), columns)
    store_each(y, (strided(0, 1, rows), strided(0, 1, columns)), add_windows(start, scalars(w, (os, 2, ks)), row))
    s = add_windows(start, load_block(dy, (os, ks)), row)
    store_each(y, (strided(2, 1, rows), strided(0, 1, columns)), s)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_windows_of_a_row_in_their_order(compiled: bool, dtype: str) -> None:
    """One after the other: with large numbers first, or last, another order rounds otherwise."""
    function = kernel(_windows) if compiled else type(_windows)(_windows.__code__, {**globals(), **words(plain)})
    fuses = compiled and not numba.config.DISABLE_JIT
    random, fence = np.random.default_rng(5), GuardedArrays()
    x = fence.input("x", random.standard_normal((2, 6, LANES)).astype(dtype))
    w = fence.input("w", (random.standard_normal((3, 3, 2)) * [1, 1e4]).astype(dtype))
    dy = fence.input("dy", (random.standard_normal((3, 2, LANES)) * [[1e4], [1]]).astype(dtype))
    y = fence.output("y", (4, 3, LANES), dtype)
    function(x, w, dy, y)
    fence.check()
    for m in (0, 1):
        for n in range(3):
            for given, factors in ((y[m, n], w[1 + m, 2]), (y[2 + m, n], dy[1 + m])):
                for image in range(LANES):
                    total = x.dtype.type(0.5)
                    for k in (0, 1):
                        factor, pixel = np.broadcast_to(factors[k], LANES)[image], x[1, 1 + n + k, image]
                        total = fused(factor, pixel, total) if fuses else factor * pixel + total
                    assert given[image] == total


def fused(a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = type(c)(float(exact))  # of float32 rounded twice: the neighbours are tried as well
    several = (np.nextafter(near, -np.inf, dtype=type(c)), near, np.nextafter(near, np.inf, dtype=type(c)))
    return min(several, key=lambda one: (abs(Fraction(float(one)) - exact), one.view(f"i{one.itemsize}") & 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_fetching_changes_nothing_and_numbers_may_lie_turned(compiled: bool, dtype: str) -> None:
    def turned(w, x, y):  # type: ignore[no-untyped-def]
        prefetch(y, ((0, 1), (0, 1)))
        prefetch(x, (0, (0, 1)))
        s = add_products(
            start_sums(scalars(w.T, ((0, 1), 2)), (0, 1)), scalars(w.T, (1, (0, 2))), load_each(x, (0, (0, 1)))
        )
        store_each(y, ((0, 1), (0, 1)), s)

    function: Any = kernel(turned)
    if not compiled:
        function = type(turned)(turned.__code__, {**globals(), **words(plain)})
    w = np.arange(9, dtype=dtype).reshape(3, 3)
    x, y = np.ones((1, 2, LANES), dtype), np.zeros((2, 2, LANES), dtype)
    x[0, 1] = 10
    function(w, x, y)
    # wᵀ[0, 2] = 6 and wᵀ[1, 2] = 7 to begin with; wᵀ[1, 0] = 1 and wᵀ[1, 2] = 7 times x
    assert y[:, :, 5].tolist() == [[7, 16], [14, 77]]
    assert (x[0, 0] == 1).all() and (x[0, 1] == 10).all()


def test_sums_of_lanes_have_the_order_of_lane_sum() -> None:
    @kernel
    def both(x, out):  # type: ignore[no-untyped-def]
        row = load_each(x, (strided(0, 1, (0,)),))
        s = add_products(start_sums(repeated(x[0, 0] - x[0, 0], (0,)), (0,)), repeated(x[1, 0], (0,)), row)
        store_sums(out, (strided(0, 1, (0,)), strided(0, 1, (0,))), s)
        out[0, 1] = lane_sum(row[0])

    x, out = np.ones((2, LANES), np.float32), np.zeros((1, 2), np.float32)
    x[0] = np.random.default_rng(2).standard_normal(LANES) * 10.0 ** np.arange(LANES)
    both(x, out)
    assert out[0, 0] == out[0, 1] != 0


def _halves(x, w, y, dw):  # type: ignore[no-untyped-def]
    """y = w x and dw = sums of x x over the lanes, for images 0 to 7 first, then for 8 to 15."""
    eight, columns = (0, 1, 2, 3, 4, 5, 6, 7), (0, 1)
    both = start_sums(repeated(w[0, 0], columns), columns, eight)
    for image in range(0, LANES, len(eight)):
        half = strided(image, 1, eight)
        row, s = load_each(x, (columns,), half), start_sums(repeated(w[0, 0], columns), columns, half)
        store_each(y, (columns, columns), add_products(s, scalars(w, (columns, 1)), row), half)
        s = add_products(s, row, row)
        both = s if image == 0 else add_sums(both, s)
    store_sums(dw, (columns, columns), both)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_halves_of_a_pack_have_the_bits_of_the_whole(compiled: bool, dtype: str) -> None:
    random, fence = np.random.default_rng(3), GuardedArrays()
    function: Any = kernel(_halves) if compiled else type(_halves)(_halves.__code__, {**globals(), **words(plain)})
    x = fence.input("x", (random.standard_normal((2, LANES)) * 10.0 ** np.arange(LANES)).astype(dtype))
    w = fence.input("w", np.array([[0, 2], [1, 3]], dtype))
    y, dw = fence.output("y", (2, 2, LANES), dtype), fence.output("dw", (2, 2), dtype)
    function(x, w, y, dw)
    fence.check()
    assert y.tolist() == (w[:, 1, None, None] * x).tolist()
    for o in (0, 1):
        for n in (0, 1):
            v = x[o] * x[n]
            for half in (8, 4, 2, 1):  # the order that words.py promises
                v = v[:half] + v[half:]
            assert dw[o, n] == v[0]


def _four_images(x):  # type: ignore[no-untyped-def]
    load_each(x, ((0, 1),), (0, 1, 2, 3))


def _images_twice(x):  # type: ignore[no-untyped-def]
    load_each(x, (0, (0, 1)), (0, 1, 2, 3, 4, 5, 6, 7))


def _half_to_all(x):  # type: ignore[no-untyped-def]
    eight = (0, 1, 2, 3, 4, 5, 6, 7)
    store_each(x, ((0,), (0,)), start_sums(repeated(x[0, 0, 0], (0,)), (0,), eight))


def _half_with_all(x):  # type: ignore[no-untyped-def]
    eight = (0, 1, 2, 3, 4, 5, 6, 7)
    add_products(start_sums(repeated(x[0, 0], (0,)), (0,), eight), repeated(x[0, 0], (0,)), load_each(x, ((0,),)))


def _half_by_operator(x):  # type: ignore[no-untyped-def]
    (half,) = load_each(x, ((0,),), (0, 1, 2, 3, 4, 5, 6, 7))
    half + half


def _no_tuple(x):  # type: ignore[no-untyped-def]
    load_each(x, (0,))


def _fetch_no_tuple(x):  # type: ignore[no-untyped-def]
    prefetch(x, (0,))


def _numbers_of_a_number(x):  # type: ignore[no-untyped-def]
    scalars(x[0, 0], ((0, 1),))


def _two_tuples(x):  # type: ignore[no-untyped-def]
    load_each(x, ((0, 1), (0, 1)))


def _one_tuple(x):  # type: ignore[no-untyped-def]
    load_block(x, (0, (0, 1)))


def _real_places(x):  # type: ignore[no-untyped-def]
    load_each(x, ((0.5, 1.5),))


def _numbers_of_a_row(x):  # type: ignore[no-untyped-def]
    scalars(x, ((0, 1),))


def _wrong_shape(x):  # type: ignore[no-untyped-def]
    s = start_sums(repeated(x[0, 0], (0, 1)), (0, 1, 2))
    add_products(s, repeated(x[0, 0], (0, 1)), load_each(x, ((0, 1),)))


def _wrong_places(x):  # type: ignore[no-untyped-def]
    store_each(x, ((0, 1, 2), (0,)), start_sums(repeated(x[0, 0], (0, 1)), (0,)))


def _wide_factor(x):  # type: ignore[no-untyped-def]
    s = start_sums(repeated(x[0, 0], (0,)), (0,))
    add_products(s, repeated(np.float64(2), (0,)), load_each(x, ((0,),)))


@pytest.mark.jit
@pytest.mark.parametrize(
    "wrong",
    [
        _no_tuple,
        _fetch_no_tuple,
        _two_tuples,
        _one_tuple,
        _real_places,
        _numbers_of_a_row,
        _numbers_of_a_number,
        _wrong_shape,
        _wrong_places,
        _wide_factor,
        _four_images,
        _images_twice,
        _half_to_all,
        _half_with_all,
        _half_by_operator,
    ],
)
def test_typing_errors(wrong: Any) -> None:
    shape = (3, 3, LANES) if wrong is _half_to_all else (3, LANES)
    with pytest.raises(KernelError, match=rf"test_block_intrinsics\.py:\d+: {wrong.__name__}: .") as caught:
        kernel(wrong)(np.ones(shape, np.float32))
    assert isinstance(caught.value.__cause__, numba.TypingError)


@pytest.fixture
def registers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with count and bits of registers that the machine is to have."""

    def have(count: int, bits: int) -> None:
        register_blocks.sums.cache_clear()
        monkeypatch.setattr(register_blocks, "vector_registers", lambda: (count, bits))

    yield have
    register_blocks.sums.cache_clear()


def sizes(block: Any) -> tuple[int, ...]:
    return tuple(map(len, block))


def test_sizes_of_blocks(registers: Any) -> None:
    registers(32, 512)
    first, second = Conv2dProblem(1, 6, 28, 28, (5, 5), padding=(2, 2, 2, 2)), Conv2dProblem(6, 16, 14, 14, (5, 5))
    wide = Conv2dProblem(64, 64, 28, 28, (1, 1))
    assert [sizes(block(first)) for block in (_sizes.forward_block, _sizes.weight_block)] == [(3, 4, 5), (3, 5, 1, 4)]
    blocks = _sizes.forward_block, _sizes.input_block, _sizes.weight_block
    assert [sizes(block(second)) for block in blocks] == [(8, 2, 5), (6, 2, 5), (4, 5, 1)]
    assert [sizes(block(wide)) for block in blocks] == [(4, 4), (4, 4), (4, 4, 1)]
    for other in ({"stride": (1, 2)}, {"dilation": (2, 1)}, {"kernel_size": (1, 9)}):  # no row of the kernel at once
        assert [len(block(replace(second, **other))) for block in blocks[:2]] == [2, 2]
    for other in ({"width": 27}, {"width": 14}, {"stride": (1, 2)}, {"dilation": (1, 2), "padding": (2, 2, 4, 4)}):
        assert len(_sizes.weight_block(replace(first, **other))) == 3
    assert [sizes(block(replace(second, dtype="float64"))) for block in blocks] == [(4, 2, 5), (3, 2, 5), (2, 5, 1)]
    registers(16, 256)
    assert [sizes(block(second)) for block in blocks] == [(4, 1, 5), (6, 1, 5), (2, 5, 2)]
    assert sizes(_sizes.weight_block(first)) == (2, 5, 2, 4)
    assert [sizes(block(wide)) for block in blocks[:2]] == [(6, 1)] * 2
    assert sizes(_sizes.weight_block(replace(second, kernel_size=(3, 3)))) == (4, 3, 2)
    registers(16, 128)
    assert [sizes(block(second)) for block in blocks] == [(2, 1, 5), (2, 1, 5), (2, 1, 1)]


@pytest.mark.parametrize(("n", "most", "wanted"), [(1, 8, 1), (7, 8, 7), (9, 8, 5), (10, 8, 5), (64, 8, 8), (17, 5, 3)])
def test_a_size_makes_few_sums_twice(n: int, most: int, wanted: int) -> None:
    assert register_blocks.size(n, most) == wanted


@pytest.mark.parametrize(
    ("n", "most", "wanted"), [(1, 6, 1), (6, 6, 6), (16, 6, 4), (64, 6, 6), (120, 6, 6), (7, 6, 4)]
)
def test_a_size_of_sums_in_one_row(n: int, most: int, wanted: int) -> None:
    assert register_blocks.size_alone(n, most) == wanted


@pytest.mark.parametrize(
    ("features", "wanted"), [("+avx,+avx512f", (32, 512)), ("+avx,-avx512f", (16, 256)), ("+sse2", (16, 128))]
)
def test_registers_are_those_of_the_code(
    features: str, wanted: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "platform", SimpleNamespace(machine=lambda: "x86_64"))
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert host.vector_registers() == wanted
    monkeypatch.setattr(host, "platform", SimpleNamespace(machine=lambda: "arm64"))
    assert host.vector_registers() == (32, 128)
