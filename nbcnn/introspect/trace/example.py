"""The book's example of a cross-correlation: whole numbers counted up, 3×3 with a kernel of 2×2, or of other sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.functional.problem_arguments import conv2d_problem
from nbcnn.introspect.trace.conv2d import ConvTrace, Placed, trace_pixel, trace_weight

Ints = int | Sequence[int]


def explain_example(
    *,
    x: np.ndarray | None = None,
    input_size: Ints = 3,
    kernel_size: Ints = 2,
    in_channels: int = 1,
    out_channels: int = 1,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
    kernel: np.ndarray | None = None,
    pixel: tuple[int, int, int] | None = None,
    weight: tuple[int, int, int, int] | None = None,
    called: str | None = None,
) -> ConvTrace:
    """Trace a convolution of numbers 0, 1, 2, … with weights 0, 1, 2, …, and no bias; by default pixel 0,0,0.

    ``x`` float32 (C, H, W) takes the place of the numbers, ``kernel`` (KH, KW) that of the weights, the same for each
    pair of channels. Backwards (``weight``), the gradient of every output is 1. Raises ShapeError with the arithmetic.
    """
    rows, columns = _pair("input_size", input_size)
    KH, KW = kernel.shape if kernel is not None else _pair("kernel_size", kernel_size)
    counted = x is None
    if x is None:
        _check_count("in_channels", in_channels)
        x = _counted((in_channels, rows, columns))
    x = np.ascontiguousarray(x, np.float32)
    _check_count("out_channels", out_channels)
    shape = (out_channels, len(x) // groups if groups > 0 and len(x) % groups == 0 else len(x), KH, KW)
    p = conv2d_problem((1, *x.shape), shape, stride, padding, dilation, groups, np.dtype("float32"))
    w = _counted(shape)
    if kernel is not None:
        w[:] = kernel
    books = (
        counted and kernel is None and p == conv2d_problem((1, 1, 3, 3), (1, 1, 2, 2), 1, 0, 1, 1, np.dtype("float32"))
    )
    words = "the book's example" if books else f"an example with {called}" if called else "an example"
    if weight is not None:
        if pixel is not None:
            raise ShapeError("give a pixel or a weight, not both: the first is traced forward, the second backwards")
        ones = np.ones(p.y_shape, np.float32)
        return trace_weight(p, x, ones, weight, Placed(f"a weight of {words}, where the gradient of each output is 1"))
    bias = np.zeros(p.out_channels, np.float32)
    first = (0, 0, 0) if called is None else None
    return trace_pixel(p, x, w, bias, pixel or first, Placed(words))


def _counted(shape: Sequence[int]) -> np.ndarray:
    size = int(np.prod(shape, dtype=np.int64))
    if size > 1 << 24:
        raise ShapeError(
            f"the example counts to {size:,}, and float32 holds whole numbers up to {1 << 24:,}; make it smaller"
        )
    return np.arange(size, dtype=np.float32).reshape(shape)


def _pair(name: str, value: Ints) -> tuple[int, int]:
    both = (value, value) if isinstance(value, int) else tuple(value) * (2 if len(value) == 1 else 1)
    if len(both) != 2 or min(both) < 1:
        raise ShapeError(f"{name} must be one whole number of at least 1, or two, got {value}")
    return both[0], both[1]


def _check_count(name: str, value: int) -> None:
    if value < 1:
        raise ShapeError(f"{name} must be at least 1, got {value}")
