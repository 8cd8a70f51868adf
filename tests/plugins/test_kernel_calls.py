"""What is read off a kernel's bytecode: functions that call themselves, and functions that print."""

from __future__ import annotations

import math
import os.path
from collections.abc import Callable
from typing import Any

import pytest

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import KernelWithAttributes
from nbcnn.plugins.kernel_calls import printing, recursion

Function = Callable[..., Any]


def _down(n: int) -> int:
    return _down(n - 1) if n else 0


def _there(n: int) -> int:
    return _back(n) + 1


def _back(n: int) -> int:
    return _there(n) + 1


def _through(n: int) -> int:
    return math.floor(n) + _down(n)


class Right:
    def _of_one_name(self, n: int) -> int:
        return n


def _of_one_name(right: Right, n: int) -> int:
    return right._of_one_name(n)


def _of_a_library(path: str) -> str:
    return os.path.join(path, path)


def _inner() -> Function:
    def forward(n: int) -> int:
        return forward(n - 1)

    return forward


def _says(n: int) -> None:
    print(n)


class Printer:
    def print(self) -> None: ...


def _prints_elsewhere(printer: Printer) -> None:
    printer.print()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_down, "_down calls itself ("),
        (_through, "_down calls itself ("),
        (_there, ", which calls _there"),
        (_inner(), "forward calls itself ("),
        (KernelWithAttributes(kernel(_down), 3), "_down calls itself ("),
        (_of_one_name, None),
        (_of_a_library, None),
        (_says, None),
        (math.floor, None),
        (Right(), None),
    ],
)
def test_recursion(function: Function, words: str | None) -> None:
    found = recursion(function)
    assert words in found and "test_kernel_calls.py:" in found if words else found == ""


def test_printing() -> None:
    line = _says.__code__.co_firstlineno
    assert printing(_says).endswith(f"test_kernel_calls.py:{line}")
    assert printing(lambda n: _says(n)).endswith(f"test_kernel_calls.py:{line}")
    assert printing(kernel(_says)).endswith(f"test_kernel_calls.py:{line}")
    assert printing(_prints_elsewhere) == printing(_down) == ""
