"""Word of what is about to be compiled: how many kernels are left is known before the first, and is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbcnn.compiler.compile_log import COMPILE_LOG, compile_listener, looking_ahead, total
from nbcnn.compiler.jit import kernel
from nbcnn.compiler.kernel_cache import cache_folder
from nbcnn.engine.call_list import CallList, expect_calls
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import KernelWithAttributes

pytestmark = pytest.mark.jit


def _fill(x, value):  # type: ignore[no-untyped-def]
    x[:] = value


def _double(x):  # type: ignore[no-untyped-def]
    x[:] *= 2


def _tripled(x):  # type: ignore[no-untyped-def]
    return 3 * x


def _summed(x, shape):  # type: ignore[no-untyped-def]
    return x + shape[0] + shape[1]


def _broken(x):  # type: ignore[no-untyped-def]
    return there_is_no_such_thing(x)  # type: ignore[name-defined]  # noqa: F821


class Told:
    """What a listener hears: short names and how many are left."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int]] = []

    def __call__(self, name: str, left: int) -> None:
        self.lines.append((name.rpartition(".")[2], left))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    np_zeros = np.zeros(1)
    CallList([(kernel(_double), (np_zeros,))])()  # the call list's own kernel is none of these tests' business
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    yield tmp_path
    assert cache_folder() == tmp_path / "kernels"


def test_what_is_left_is_counted_before_the_first() -> None:
    fill, double, x, told = kernel(_fill), kernel(_double), np.zeros(3), Told()
    with compile_listener(told):
        CallList(
            [
                (fill, (x, 1)),
                (KernelWithAttributes(double), (x,)),
                (fill, (np.zeros(2), 2)),
                (fill, (np.zeros((2, 2)), 1)),
            ]
        )()
    assert told.lines == [("_fill", 3), ("_double", 2), ("_fill", 1), ("_fill", 0)]  # by signature, once each


def test_what_is_kept_is_not_counted() -> None:
    x, told = np.zeros(3), Told()
    kernel(_fill)(x, 1)
    with compile_listener(told):
        CallList([(kernel(_fill), (x, 1)), (kernel(_double), (x,))])()
        CallList([(kernel(_fill), (x, 1)), (kernel(_double), (x,))])()
    assert told.lines == [("_double", 1), ("_double", 0)]


def test_many_tapes_are_counted_together_and_python_as_it_comes() -> None:
    fill, double, x, told = kernel(_fill), kernel(_double), np.zeros(3), Told()

    def by_python(x: Any) -> None:
        double(x)

    with compile_listener(told):
        expect_calls([(fill, (x, 1)), (by_python, (x,))])
        expect_calls([(fill, (np.zeros((1, 1)), 1))])
        CallList([(fill, (x, 1)), (by_python, (x,)), (fill, (np.zeros((1, 1)), 1))])()
    assert told.lines == [("_fill", 2), ("_fill", 1), ("_fill", 0), ("_double", 1), ("_double", 0)]


def test_what_another_calls_is_a_part_of_it() -> None:
    callee, told, before = kernel(_tripled), Told(), len(COMPILE_LOG)

    def caller(x):  # type: ignore[no-untyped-def]
        x[0] = callee(x[0])

    with compile_listener(told):
        kernel(caller)(np.ones(1))
    assert told.lines == [("caller", 1), ("caller", 0)]
    lines = COMPILE_LOG[before:]
    assert [(line.kernel.rpartition(".")[2], line.on_the_way) for line in lines] == [
        ("_tripled", True),
        ("caller", False),
    ]
    assert total(lines, "compiled") == (1, sum(line.seconds for line in lines))
    assert total(lines, "loaded") == (0, 0)


def test_a_look_ahead_compiles_nothing() -> None:
    fill, double, x, told, before = kernel(_fill), kernel(_double), np.ones(3), Told(), len(COMPILE_LOG)
    double(x)
    with compile_listener(told):
        with looking_ahead():
            double(x)
            fill(x, 5)
            raise AssertionError("it goes no further than the first that is not compiled")
        assert x.tolist() == [4, 4, 4] and len(COMPILE_LOG) == before + 1 and not told.lines
        kernel(_tripled)(1)
        fill(x, 5)
    assert told.lines == [("_tripled", 2), ("_fill", 1), ("_fill", 0)]
    assert x.tolist() == [5, 5, 5]


def test_what_was_expected_is_forgotten_with_the_last_listener() -> None:
    fill, x, told = kernel(_fill), np.zeros(1), Told()
    with compile_listener(told):
        expect_calls([(fill, (x, 1))])
    with compile_listener(told):
        kernel(_double)(x)
    assert told.lines == [("_double", 1), ("_double", 0)]


def test_what_failed_before_is_not_waited_for() -> None:
    x, told = np.zeros(1), Told()
    with pytest.raises(KernelError, match="there_is_no_such_thing"):
        kernel(_broken)(x)
    with compile_listener(told):
        kernel(_double)(x)
    assert told.lines == [("_double", 1), ("_double", 0)]


def test_a_callee_is_compiled_once_for_all_numbers_in_a_tuple() -> None:
    inner, before = kernel(_summed), len(COMPILE_LOG)

    def callers(x):  # type: ignore[no-untyped-def]
        return inner(x, (1, 2)) + inner(x, (3, x)) + inner(x, (x, 4))

    assert kernel(callers)(10) == 13 + 23 + 24
    assert [line.kernel.rpartition(".")[2] for line in COMPILE_LOG[before:]] == ["_summed", "callers"]
