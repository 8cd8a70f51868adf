"""From arguments as people give them to a problem as kernels take it, with all that can be wrong about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbcnn.arrays import Ints, is_count, pair
from nbcnn.errors import ShapeError
from nbcnn.kernels.contract import Conv2dProblem, Pool2dProblem


def conv2d_problem(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
    dtype: np.dtype[Any],
) -> Conv2dProblem:
    """The problem of x (N, C, H, W) and w (O, C/groups, KH, KW); raises ShapeError with the arithmetic."""
    (_, C, H, W), (O, WC, KH, KW) = x_shape, w_shape
    if min(O, WC, KH, KW) < 1:
        raise ShapeError(f"conv2d: w must have at least 1 output channel, input channel, row and column, got {w_shape}")
    pad, spread = pair("padding", padding, 0), pair("dilation", dilation, 1)
    if not is_count(groups, 1) or C % groups or O % groups:
        raise ShapeError(f"conv2d: groups {groups} must divide the {C} input and the {O} output channels")
    if WC * groups != C:
        hint = "; x looks like (N, H, W, C), channels last: pass x.transpose(0, 3, 1, 2)" if WC * groups == W else ""
        raise ShapeError(
            f"conv2d: x has {C} channels and w {tuple(w_shape)} takes {WC}·{groups} (groups) = {WC * groups}{hint}"
        )
    sides = (pad[0], pad[0], pad[1], pad[1])
    problem = Conv2dProblem(C, O, H, W, (KH, KW), pair("stride", stride, 1), sides, spread, groups, dtype.name)
    window = (spread[0] * (KH - 1) + 1, spread[1] * (KW - 1) + 1)
    _check_size("conv2d", problem.y_shape, x_shape, window, pad)
    return problem


def pool2d_problem(
    op: str,
    x_shape: Sequence[int],
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    whole: bool,
    dtype: np.dtype[Any],
) -> Pool2dProblem:
    """The problem of pooling x (N, C, H, W); ``whole`` is count_include_pad. Raises ShapeError with the arithmetic."""
    size, pad = pair("kernel_size", kernel_size, 1), pair("padding", padding, 0)
    step = size if stride is None else pair("stride", stride, 1)
    if any(2 * p > k for p, k in zip(pad, size, strict=True)):
        raise ShapeError(f"{op}: padding {pad} is more than half of kernel_size {size}")
    sides = (pad[0], pad[0], pad[1], pad[1])
    problem = Pool2dProblem(op, x_shape[1], x_shape[2], x_shape[3], size, step, sides, whole, dtype.name)
    _check_size(op, problem.y_shape, x_shape, size, pad)
    return problem


def _check_size(
    op: str, y_shape: Sequence[int], x_shape: Sequence[int], window: tuple[int, int], padding: tuple[int, int]
) -> None:
    if min(y_shape[1:]) < 1:
        padded = (x_shape[2] + 2 * padding[0], x_shape[3] + 2 * padding[1])
        raise ShapeError(
            f"{op}: a window of {window[0]}×{window[1]} does not fit the padded input of {padded[0]}×{padded[1]} "
            f"({x_shape[2]} + 2·{padding[0]} by {x_shape[3]} + 2·{padding[1]})"
        )
