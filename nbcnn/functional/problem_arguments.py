"""PyTorch-style arguments turned into a problem (an op's sizes), with all their error messages."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from nbcnn.errors import KernelError, ShapeError
from nbcnn.functional.arrays import (
    Ints,
    check_largest,
    empty_packs,
    from_packs,
    in_short,
    is_count,
    padding_of,
    pair,
    to_packs,
    truth,
)
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cross_entropy.op import LossProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import prepare, scratch
from nbcnn.kernels.shapes import LARGEST, four_sides, groups_flaw, padded, pooling_padding_flaw, window_flaw
from nbcnn.util.aligned import zeros
from nbcnn.util.blas import one_blas_thread
from nbcnn.util.formatting import counted
from nbcnn.util.memory import claim


def prepared_kernels(problem: Any, backend: str, images: int) -> tuple[Any, np.ndarray]:
    """A backend's kernels for a problem, and scratch for them.

    Raises KernelError for a backend that is unknown or can't do it, ShapeError where memory has no room for the scratch
    and the packs of so many images.
    """
    if not isinstance(backend, str) or len(backend) > 80:
        raise KernelError(f"{problem.op}: backend must be a name such as 'direct', got {in_short(backend)}")
    floats = scratch(problem, backend)
    size, packs = np.dtype(problem.dtype).itemsize, -(-images // LANES)
    if not isinstance(problem, LossProblem):
        numbers = packs * LANES * (prod(problem.x_shape) + prod(problem.y_shape))
        claim(
            f"{problem.op} of {counted(images, 'image')}",
            numbers * size,
            "use smaller arrays, or fewer images at a time",
        )
    claim(f"{problem.op}: the scratch of backend {backend}", floats * size, "use smaller arrays, or another backend")
    kernels, floats = prepare(problem, backend)
    return kernels, zeros((floats,), np.dtype(problem.dtype))


def run_packs(problem: Any, backend: str, batch: np.ndarray, *parameters: np.ndarray) -> np.ndarray:
    """The forward kernel of a backend on every pack of a batch (N, …), given a layer's parameters if it has any."""
    kernels, scratch = prepared_kernels(problem, backend, len(batch))
    y = empty_packs(len(batch), problem.y_shape, batch.dtype)
    with one_blas_thread():
        for pack, result in zip(to_packs(batch), y, strict=True):
            kernels.forward(pack, *parameters, result, scratch)
    return from_packs(y, len(batch))


def conv2d_problem(
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Ints,
    padding: Ints | str,
    dilation: Ints,
    groups: int,
    dtype: np.dtype[Any],
) -> Conv2dProblem:
    """The problem of x (N, C, H, W) and w (O, C/groups, KH, KW); raises ShapeError with the arithmetic."""
    (_, C, H, W), (O, WC, KH, KW) = x_shape, w_shape
    if min(O, WC, KH, KW) < 1:
        raise ShapeError(f"conv2d: w must have at least 1 output channel, input channel, row and column, got {w_shape}")
    _check_pixels("conv2d", x_shape)
    step, spread = pair("stride", stride, 1), pair("dilation", dilation, 1)
    pad = padding_of(padding, ("same", "valid"))
    if not is_count(groups, 1):
        raise ShapeError(f"conv2d: groups must be one whole number of at least 1, got {in_short(groups)}")
    check_largest("groups", (groups,))
    groups = int(groups)
    if flaw := groups_flaw(groups, C, O):
        raise ShapeError(f"conv2d: {flaw}")
    if WC * groups != C:
        hint = "; x looks like (N, H, W, C), channels last: pass x.transpose(0, 3, 1, 2)" if WC * groups == W else ""
        raise ShapeError(
            f"conv2d: x has {C} channels and w {tuple(w_shape)} takes {WC}·{groups} (groups) = {WC * groups}{hint}"
        )
    sides = four_sides(pad, (H, W), (KH, KW), step, spread)
    problem = Conv2dProblem(C, O, H, W, (KH, KW), step, sides, spread, groups, dtype.name)
    _check_size(problem, x_shape)
    return problem


def pool2d_problem(
    op: str,
    x_shape: Sequence[int],
    kernel_size: Ints,
    stride: Ints | None,
    padding: Ints,
    dtype: np.dtype[Any],
    *,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Pool2dProblem:
    """The problem of pooling x (N, C, H, W); raises ShapeError with the arithmetic.

    As in PyTorch, ``stride`` None or () is the kernel size.
    """
    _check_pixels(op, x_shape)
    size, pad, spread = pair("kernel_size", kernel_size, 1), padding_of(padding), pair("dilation", dilation, 1)
    step = size if stride is None or (isinstance(stride, tuple) and not stride) else pair("stride", stride, 1)
    assert not isinstance(pad, str)
    if flaw := pooling_padding_flaw(pad, size, spread):
        raise ShapeError(f"{op}: {flaw}")
    if divisor_override is not None:
        if not is_count(divisor_override, -LARGEST) or divisor_override == 0:
            expected = "divisor_override must be a whole number other than 0, or None"
            raise ShapeError(f"{op}: {expected}, got {in_short(divisor_override)}")
        check_largest("divisor_override", (divisor_override,))
    problem = Pool2dProblem(
        op,
        x_shape[1],
        x_shape[2],
        x_shape[3],
        size,
        step,
        four_sides(pad, (x_shape[2], x_shape[3]), size, step),
        truth("count_include_pad", count_include_pad),
        dtype.name,
        spread,
        truth("ceil_mode", ceil_mode),
        None if divisor_override is None else int(divisor_override),
    )
    _check_size(problem, x_shape)
    return problem


def _check_pixels(op: str, x_shape: Sequence[int]) -> None:
    """Raise ShapeError where there is no pixel."""
    if min(x_shape[2:]) < 1:
        raise ShapeError(f"{op}: x must have at least one row and one column, got shape {tuple(x_shape)}")


def _check_size(problem: Conv2dProblem | Pool2dProblem, x_shape: Sequence[int]) -> None:
    """Raise ShapeError where a number is too large to count with, or a window larger than the padded input."""
    p = problem
    if flaw := window_flaw(p.x_shape[1:], p.kernel_size, p.stride, p.padding, p.dilation):  # type: ignore[arg-type]
        raise ShapeError(f"{p.op}: {flaw}")
    if min(problem.y_shape[1:]) < 1:
        (KH, KW), (DH, DW), (top, bottom, left, right) = problem.kernel_size, problem.dilation, problem.padding
        H, W = x_shape[2:]
        spread = f" ({KH}×{KW} with dilation {DH}×{DW})" if (DH, DW) != (1, 1) else ""
        raise ShapeError(
            f"{problem.op}: a window of {DH * (KH - 1) + 1}×{DW * (KW - 1) + 1}{spread} does not fit the padded input "
            f"of {H + top + bottom}×{W + left + right} ({padded(H, top, bottom)} by {padded(W, left, right)})"
        )
