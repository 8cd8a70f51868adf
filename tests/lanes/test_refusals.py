"""What lanes refuse: compiled ones by a typing error, before any number is touched; plain ones by an IndexError."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from nbcnn.compiler.jit import kernel
from nbcnn.errors import KernelError
from nbcnn.lanes import LANES, load, plain, splat, store, where


def _wide_number(x):  # type: ignore[no-untyped-def]
    store(x, (0,), load(x, (0,)) * np.float64(0.1))


def _bare_literal(x):  # type: ignore[no-untyped-def]
    store(x, (0,), load(x, (0,)) + 0.5)


def _narrow_array(x):  # type: ignore[no-untyped-def]
    store(x, (0,), splat(np.float64(1)))


def _choice(x):  # type: ignore[no-untyped-def]
    v = load(x, (0,))
    store(x, (0,), where(v > 0, v, np.float64(0.5)))


def _no_lanes(x):  # type: ignore[no-untyped-def]
    v = load(x, (0,))
    store(x, (0,), where(v > 0, 1, 0))


def _whole_splat(x):  # type: ignore[no-untyped-def]
    store(x, (0,), load(x, (0,)) + splat(1))


def _too_many_indices(x):  # type: ignore[no-untyped-def]
    store(x, (0, 0, 0), load(x, (0,)))


def _real_index(x):  # type: ignore[no-untyped-def]
    store(x, (0,), load(x, (0.5,)))


def _truth(x):  # type: ignore[no-untyped-def]
    if load(x, (0,)) > 0:
        x[:] = 0


@pytest.mark.jit
@pytest.mark.parametrize(
    "wrong",
    [
        _wide_number,
        _bare_literal,
        _narrow_array,
        _choice,
        _no_lanes,
        _whole_splat,
        _too_many_indices,
        _real_index,
        _truth,
    ],
)
def test_typing_errors(wrong: Any) -> None:
    with pytest.raises(KernelError, match=rf"test_refusals\.py:\d+: {wrong.__name__}: .") as caught:
        kernel(wrong)(np.ones((1, LANES), np.float32))
    assert isinstance(caught.value.__cause__, numba.TypingError)


def _copy(x, y):  # type: ignore[no-untyped-def]
    store(y, (0,), load(x, (0,)))


@pytest.mark.jit
@pytest.mark.parametrize("which", ["columns first", "strided", "whole numbers", "two precisions", "read-only output"])
def test_arrays_that_lanes_refuse(which: str) -> None:
    x, y = np.ones((2, LANES), np.float32), np.zeros((2, LANES), np.float32)
    if which == "columns first":
        x = np.asfortranarray(x)
    elif which == "strided":
        x = np.ones((2, 2 * LANES), np.float32)[:, ::2]
    elif which == "whole numbers":
        x = x.astype(np.int32)
    elif which == "two precisions":
        y = y.astype(np.float64)
    else:
        y.flags.writeable = False
    with pytest.raises(KernelError, match=r"test_refusals\.py:\d+: _copy: .") as caught:
        kernel(_copy)(x, y)
    assert isinstance(caught.value.__cause__, numba.TypingError)


@pytest.mark.jit
def test_a_read_only_input_will_do() -> None:
    x, y = np.arange(LANES, dtype=np.float32).reshape(1, LANES), np.empty((1, LANES), np.float32)
    x.flags.writeable = False
    kernel(_copy)(x, y)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize(
    ("shape", "index"),
    [((3, 16), (3,)), ((3, 16), (-1,)), ((3, 16), (0, 1)), ((20,), (5,)), ((2, 3, 16), (1, 3)), ((3, 32), (1,))],
)
def test_plain_lanes_stay_inside(shape: tuple[int, ...], index: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    with pytest.raises(IndexError, match=r"lanes at|out of bounds"):
        plain.load(x, index)
    with pytest.raises(IndexError, match=r"lanes at|out of bounds"):
        plain.store(x, index, np.ones(LANES))
    assert not x.any()


def test_plain_lanes_are_values(dtype: str) -> None:
    s = t = plain.splat(np.dtype(dtype).type(6))
    s += 1
    s *= s
    s -= t
    s /= 2
    assert s.tolist() == [21.5] * LANES
    assert t.tolist() == [6.0] * LANES
    assert s.dtype == dtype
