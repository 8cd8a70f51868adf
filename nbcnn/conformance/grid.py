"""The grid of test problems: for each op all combinations of its arguments, on small images."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from nbcnn.kernels.op import Case
from nbcnn.kernels.ops import op as definition

__all__ = ["Case", "Grid", "grid", "of_dtype"]

QUICKLY = 11
"""A quick run takes every 11th problem: a number that no axis of a grid is a multiple of."""
SMALL = 30
"""A grid of so few is run whole."""


class Grid(NamedTuple):
    """The cases of an op, edge cases last, and how many were left out because nothing is left of the image."""

    cases: list[Case]
    left_out: int


def grid(op: str, quick: bool = False) -> Grid:
    """The cases of an op, in float32."""
    cases = list(dict.fromkeys(definition(op).cases()))  # same padding is often one of the others
    possible = [case for case in cases if min(case.problem.y_shape, default=1) > 0]
    left_out = len(cases) - len(possible)
    odd = [Case(problem) for problem in definition(op).edge_cases().values()]
    return Grid((possible[::QUICKLY] if quick and len(possible) > SMALL else possible) + odd, left_out)


def of_dtype(case: Case, dtype: str) -> Case:
    """The same case in another precision."""
    return case._replace(problem=replace(case.problem, dtype=dtype))
