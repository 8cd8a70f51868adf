"""Problems out of the ordinary, for each op by a name: every number that has an end of its own at that end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nbcnn.kernels.contract import Conv2dProblem, ElementwiseProblem, LinearProblem, LossProblem, Pool2dProblem

CONV2D: dict[str, Conv2dProblem] = {
    "1x1": Conv2dProblem(3, 4, 4, 5, (1, 1)),
    "2x2": Conv2dProblem(2, 4, 5, 4, (2, 2)),
    "3x3": Conv2dProblem(5, 7, 5, 6, (3, 3)),
    "5x5": Conv2dProblem(2, 4, 7, 6, (5, 5)),
    "7x7": Conv2dProblem(1, 4, 9, 8, (7, 7)),
    "1x3": Conv2dProblem(3, 1, 4, 6, (1, 3)),
    "5x2": Conv2dProblem(1, 7, 6, 5, (5, 2)),
    "stride 2": Conv2dProblem(3, 4, 7, 9, (3, 3), (2, 2)),
    "stride 3": Conv2dProblem(2, 1, 7, 10, (3, 3), (3, 3)),
    "stride 2x1": Conv2dProblem(2, 4, 7, 5, (3, 2), (2, 1)),
    "stride 1x3": Conv2dProblem(2, 7, 5, 8, (2, 3), (1, 3)),
    "padding 1": Conv2dProblem(3, 4, 4, 5, (3, 3), padding=(1, 1, 1, 1)),
    "padding 2": Conv2dProblem(1, 6, 6, 6, (5, 5), padding=(2, 2, 2, 2)),
    "padding 1x2": Conv2dProblem(2, 1, 4, 4, (3, 5), padding=(1, 1, 2, 2)),
    "padding on four sides": Conv2dProblem(2, 4, 5, 4, (3, 3), padding=(2, 0, 1, 3)),
    "padding at the end alone": Conv2dProblem(1, 1, 4, 4, (3, 3), padding=(0, 1, 0, 2)),
    "padding wider than the kernel": Conv2dProblem(2, 3, 3, 2, (1, 2), padding=(2, 2, 2, 2)),
    "stride and padding": Conv2dProblem(3, 4, 6, 7, (3, 3), (2, 2), (1, 1, 1, 1)),
    "stride and padding on four sides": Conv2dProblem(2, 5, 6, 7, (3, 5), (2, 3), (1, 0, 3, 2)),
    "floor drops a row": Conv2dProblem(2, 4, 6, 5, (3, 3), (2, 2)),
    "floor drops rows and columns": Conv2dProblem(1, 1, 9, 11, (2, 2), (4, 5)),
    "floor drops the padding": Conv2dProblem(1, 3, 6, 6, (3, 3), (2, 2), (0, 1, 0, 1)),
    "stride wider than the kernel": Conv2dProblem(3, 4, 7, 8, (2, 1), (3, 2)),
    "stride wider than the image": Conv2dProblem(2, 3, 3, 4, (2, 2), (5, 5)),
    "whole image": Conv2dProblem(3, 5, 4, 3, (4, 3)),
    "kernel larger than the image": Conv2dProblem(2, 3, 2, 3, (4, 5), padding=(1, 1, 2, 1)),
    "one pixel": Conv2dProblem(1, 1, 1, 1, (1, 1)),
    "one row": Conv2dProblem(5, 4, 1, 9, (1, 3)),
    "one column": Conv2dProblem(1, 2, 7, 1, (3, 1), (2, 1)),
    "dilation 2": Conv2dProblem(3, 4, 8, 7, (3, 3), dilation=(2, 2)),
    "dilation 2x3": Conv2dProblem(2, 3, 7, 9, (3, 2), padding=(1, 2, 0, 3), dilation=(2, 3)),
    "dilation and stride": Conv2dProblem(2, 3, 9, 9, (3, 3), (2, 2), (2, 2, 2, 2), (2, 2)),
    "dilation and another stride": Conv2dProblem(1, 4, 11, 10, (2, 3), (2, 3), (1, 1, 2, 2), (3, 2)),
    "dilation 6, stride 4": Conv2dProblem(1, 2, 13, 9, (2, 2), (4, 4), (0, 1, 3, 0), (6, 6)),
    "1x1 with stride": Conv2dProblem(5, 3, 5, 6, (1, 1), (2, 3)),
    "groups 2": Conv2dProblem(4, 6, 5, 4, (3, 3), padding=(1, 1, 1, 1), groups=2),
    "depthwise": Conv2dProblem(5, 5, 5, 6, (3, 3), padding=(1, 1, 1, 1), groups=5),
    "depthwise, two outputs each": Conv2dProblem(3, 6, 5, 5, (2, 2), (2, 2), groups=3),
    "groups of 1x1": Conv2dProblem(6, 9, 3, 4, (1, 1), groups=3),
    "groups, stride, dilation": Conv2dProblem(4, 2, 9, 7, (3, 2), (2, 1), (1, 2, 0, 1), (2, 2), 2),
    "more kernels than lanes": Conv2dProblem(5, 7, 3, 3, (2, 2)),
}

ODD: dict[str, dict[str, Any]] = {"conv2d": CONV2D}
"""By op; the grid has what is not here."""


def tiny(op: str) -> list[Any]:
    """Problems whose whole Jacobian is soon computed, in float64."""
    return [problem for problem in _TINY if problem.op == op]


def busy(op: str) -> list[Any]:
    """Problems large enough that threads which run them meet one another, likely ones first."""
    return [problem for problem in _BUSY if problem.op == op]


_TINY: tuple[Any, ...] = (
    Conv2dProblem(2, 3, 4, 3, (1, 1), dtype="float64"),
    Conv2dProblem(1, 2, 5, 4, (3, 3), dtype="float64"),
    Conv2dProblem(2, 2, 4, 5, (3, 3), padding=(1, 1, 1, 1), dtype="float64"),
    Conv2dProblem(2, 3, 6, 5, (3, 5), (2, 3), (1, 0, 3, 2), dtype="float64"),
    Conv2dProblem(4, 2, 6, 5, (3, 2), (2, 1), (1, 2, 0, 1), (2, 2), 2, dtype="float64"),
    Conv2dProblem(2, 4, 3, 4, (2, 2), groups=2, dtype="float64"),
    Conv2dProblem(1, 1, 6, 5, (5, 5), padding=(2, 2, 2, 2), dtype="float64"),
    LinearProblem(5, 4, "float64"),
    LinearProblem(18, 5, "float64"),
    *(
        replace(problem, op=op)
        for op in ("max_pool2d", "avg_pool2d")
        for problem in (
            Pool2dProblem("", 2, 4, 6, (2, 2), (2, 2), dtype="float64"),
            Pool2dProblem("", 1, 7, 6, (3, 3), (2, 2), dtype="float64"),
            Pool2dProblem("", 2, 5, 4, (3, 3), (2, 1), (1, 1, 1, 1), dtype="float64"),
            Pool2dProblem("", 1, 5, 5, (3, 2), (2, 2), (1, 0, 0, 1), count_include_pad=False, dtype="float64"),
        )
    ),
    *(ElementwiseProblem(op, 20, "float64") for op in ("relu", "sigmoid", "tanh")),
    Pool2dProblem("max_pool2d", 1, 6, 5, (2, 2), (2, 1), dtype="float64", dilation=(2, 3), ceil_mode=True),
    Pool2dProblem("avg_pool2d", 1, 6, 5, (3, 3), (2, 2), (1, 1, 1, 1), dtype="float64", ceil_mode=True),
    *(ElementwiseProblem(op, 7, "float64") for op in ("softmax", "log_softmax")),
    LossProblem(7, "float64"),
)

_BUSY: tuple[Any, ...] = (
    Conv2dProblem(4, 6, 20, 20, (3, 3), padding=(1, 1, 1, 1)),
    Conv2dProblem(4, 6, 20, 20, (3, 3)),
    Conv2dProblem(4, 6, 20, 20, (5, 5), padding=(2, 2, 2, 2)),
    Conv2dProblem(4, 6, 20, 20, (3, 3), (2, 2), (1, 1, 1, 1), groups=2),
    Conv2dProblem(6, 9, 20, 20, (1, 1)),
    Conv2dProblem(6, 6, 20, 20, (3, 3), padding=(1, 1, 1, 1), groups=6),
    LinearProblem(200, 50),
    Pool2dProblem("max_pool2d", 6, 20, 20, (3, 3), (2, 2), (1, 1, 1, 1)),
    Pool2dProblem("avg_pool2d", 6, 20, 20, (3, 3), (2, 2), (1, 1, 1, 1)),
    *(ElementwiseProblem(op, 2000) for op in ("relu", "sigmoid", "tanh")),
    *(ElementwiseProblem(op, 200) for op in ("softmax", "log_softmax")),
    LossProblem(200),
)
