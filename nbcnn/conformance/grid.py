"""The problems that every backend is held against: for each op all combinations of its numbers, on small images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from nbcnn.conformance.edge_cases import ODD
from nbcnn.kernels.contract import Conv2dProblem, ElementwiseProblem, LinearProblem, LossProblem, Pool2dProblem
from nbcnn.kernels.shapes import Sides, same_padding

QUICKLY = 11
"""A quick run takes every 11th problem: a number that no axis of a grid is a multiple of."""
SMALL = 30
"""A grid of so few is run whole."""


class Case(NamedTuple):
    """A problem, with a bias or, where the op has one, without (zeros)."""

    problem: Any
    bias: bool = True


class Grid(NamedTuple):
    """The cases of an op, odd ones last, and how many were left out because nothing is left of the image."""

    cases: list[Case]
    left_out: int


def grid(op: str, quick: bool = False) -> Grid:
    """The cases of an op, in float32."""
    cases = list(dict.fromkeys(GRIDS[op](op)))  # same padding is often one of the others
    possible = [case for case in cases if _something_is_left(case.problem)]
    left_out = len(cases) - len(possible)
    odd = [Case(problem) for problem in ODD.get(op, {}).values()]
    return Grid((possible[::QUICKLY] if quick and len(possible) > SMALL else possible) + odd, left_out)


def of_dtype(case: Case, dtype: str) -> Case:
    """The same case in another precision."""
    return case._replace(problem=replace(case.problem, dtype=dtype))


KERNELS = ((1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (1, 3), (3, 2))
STRIDES = (1, 2, 3)
PADDINGS: tuple[int | str, ...] = (0, 1, 2, "same")
DILATIONS = (1, 2)
GROUPS: tuple[int | str, ...] = (1, 2, "C")
CHANNELS: dict[int | str, tuple[int, int]] = {1: (3, 5), 2: (4, 6), "C": (3, 6)}
"""By groups: input and output channels; odd ones, and two outputs for each channel of its own group."""
SIZES = ((7, 9), (8, 7), (9, 8), (9, 9))
"""Images of the problems, in turn."""


def _conv2d(op: str) -> Iterator[Case]:
    axes = product(KERNELS, STRIDES, PADDINGS, DILATIONS, GROUPS)
    for number, (kernel, stride, padding, dilation, groups) in enumerate(axes):
        (C, O), size = CHANNELS[groups], SIZES[number % len(SIZES)]
        sides = _sides(padding, size, kernel, stride, dilation)
        count = C if groups == "C" else int(groups)
        problem = Conv2dProblem(C, O, *size, kernel, (stride,) * 2, sides, (dilation,) * 2, count)
        yield Case(problem)
        yield Case(problem, bias=False)


def _sides(padding: int | str, size: tuple[int, int], kernel: tuple[int, int], stride: int, dilation: int) -> Sides:
    if isinstance(padding, int):
        return (padding,) * 4
    rows, columns = (same_padding(n, k, stride, dilation) for n, k in zip(size, kernel, strict=True))
    return (*rows, *columns)


def _linear(op: str) -> Iterator[Case]:
    for features, outputs, bias in product(
        (1, 2, 3, 7, 8, 15, 16, 17, 33, 40), (1, 2, 3, 7, 8, 9, 16, 17), (True, False)
    ):
        yield Case(LinearProblem(features, outputs), bias)


def _pool2d(op: str) -> Iterator[Case]:
    ways: tuple[dict[str, Any], ...] = ({}, {"dilation": (2, 2)})
    if op == "avg_pool2d":
        ways = ({}, {"count_include_pad": False}, {"divisor_override": 3})
    kernels = ((1, 1), (2, 2), (3, 3), (3, 2), (1, 3))
    axes = product(kernels, STRIDES, (0, 1), ways, (False, True))
    for number, (kernel, stride, padding, way, ceil_mode) in enumerate(axes):
        size = SIZES[number % len(SIZES)]
        if padding <= min(kernel) / 2:  # no window may lie in the padding alone
            problem = Pool2dProblem(op, 2, *size, kernel, (stride,) * 2, (padding,) * 4, ceil_mode=ceil_mode)
            yield Case(replace(problem, **way))


def _elementwise(op: str) -> Iterator[Case]:
    for features in (1, 2, 3, 7, 10, 16, 17, 37, 130):
        yield Case(ElementwiseProblem(op, features))


def _loss(op: str) -> Iterator[Case]:
    for classes in (1, 2, 3, 7, 10, 16, 17, 37, 130):
        yield Case(LossProblem(classes))


GRIDS: dict[str, Callable[[str], Iterator[Case]]] = {
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _pool2d,
    "avg_pool2d": _pool2d,
    "relu": _elementwise,
    "sigmoid": _elementwise,
    "tanh": _elementwise,
    "softmax": _elementwise,
    "log_softmax": _elementwise,
    "cross_entropy": _loss,
}


def _something_is_left(problem: Any) -> bool:
    return isinstance(problem, LossProblem) or min(problem.y_shape) > 0
