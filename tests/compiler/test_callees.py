"""Kernels that other kernels call: compiled for their callers alone, kept, and the same numbers as called from Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest

from nbcnn.compiler.compile_log import COMPILE_LOG
from nbcnn.compiler.jit import kernel
from nbcnn.compiler.kernel_cache import cache_folder

pytestmark = pytest.mark.jit


def _third(x):  # type: ignore[no-untyped-def]
    if x[0] < 0:
        raise ValueError("a number below 0")
    x[0] /= np.float32(3)
    return x[1:]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    yield tmp_path / "kernels"
    assert cache_folder() == tmp_path / "kernels"


def _caller(inner):  # type: ignore[no-untyped-def]
    def caller(x):  # type: ignore[no-untyped-def]
        inner(inner(x))[:] = 7

    return kernel(caller)


def _log(before: int) -> list[tuple[str, str, bool]]:
    return [(line.kernel.rpartition(".")[2], line.how, line.on_the_way) for line in COMPILE_LOG[before:]]


def test_a_callee_has_no_machine_code_of_its_own(cache: Path) -> None:
    inner, x, before = kernel(_third), np.array([3, 5, 1, 1], np.float32), len(COMPILE_LOG)
    _caller(inner)(x)
    assert x.tolist() == [1, np.float32(5) / np.float32(3), 7, 7]
    assert not inner.overloads
    assert _log(before) == [("_third", "compiled", True), ("caller", "compiled", False)]
    inner(x)
    assert len(inner.overloads) == 1 and len(list(cache.iterdir())) == 3


def test_another_caller_loads_it(cache: Path) -> None:
    _caller(kernel(_third))(np.ones(4, np.float32))
    inner, before = kernel(_third), len(COMPILE_LOG)

    @kernel
    def other(x):  # type: ignore[no-untyped-def]
        return inner(x).size

    assert other(np.ones(5, np.float32)) == 4
    assert _log(before) == [("_third", "loaded", True), ("other", "compiled", False)]
    assert len(list(cache.iterdir())) == 3


@pytest.mark.parametrize("times", [1, 2])
def test_what_a_callee_raises_comes_through(times: int) -> None:
    for _ in range(times):  # compiled, then loaded
        with pytest.raises(ValueError, match=r"^a number below 0$"):
            _caller(kernel(_third))(np.array([3, -5, 1], np.float32))


def test_a_callee_may_call_itself() -> None:
    @kernel
    def sum_to(n):  # type: ignore[no-untyped-def]
        return n if n < 1 else n + sum_to(n - 1)

    @kernel
    def twice(n):  # type: ignore[no-untyped-def]
        return sum_to(n) + sum_to(n)

    assert twice(4) == 20


def test_a_function_of_numba_s_may_call_it() -> None:
    inner = kernel(_third)

    @numba.njit
    def function(x):  # type: ignore[no-untyped-def]
        return inner(x)[0]

    assert function(np.array([3, 5], np.float32)) == 5
    assert inner(np.array([3, 6], np.float32)).tolist() == [6]
