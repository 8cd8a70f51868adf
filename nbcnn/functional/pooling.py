"""Pooling on arrays: equations (6) and (7) of docs/math.md.

``padding`` is one number or two (rows, columns), at most half of the kernel, which is PyTorch's rule; or four (top,
bottom, left, right), each below the window's size, which PyTorch doesn't have.
"""

from __future__ import annotations

import numpy as np

from nbcnn.functional.arrays import Ints, images
from nbcnn.functional.problem_arguments import pool2d_problem, run_packs
from nbcnn.util.memory import within_memory


@within_memory
def max_pool2d(
    x: np.ndarray,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """The largest of each window, equation (6): (N, C, H, W) -> (N, C, OH, OW), or (C, H, W) -> (C, OH, OW).

    ``stride`` None is the kernel size. ``ceil_mode`` rounds OH and OW up, equation (2). A dilated window that meets
    nothing but padding gives -inf.
    """
    batch = images("x", x)
    problem = pool2d_problem(
        "max_pool2d", batch.shape, kernel_size, stride, padding, batch.dtype, dilation=dilation, ceil_mode=ceil_mode
    )
    return run_packs(problem, backend, batch).reshape(*x.shape[:-3], *problem.y_shape)


@within_memory
def avg_pool2d(
    x: np.ndarray,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """The mean of each window, equation (7): (N, C, H, W) -> (N, C, OH, OW), or (C, H, W) -> (C, OH, OW).

    ``stride`` None is the kernel size. ``ceil_mode`` rounds OH and OW up, equation (2). ``divisor_override`` is a whole
    number that takes the place of every window's count of pixels.
    """
    batch = images("x", x)
    problem = pool2d_problem(
        "avg_pool2d",
        batch.shape,
        kernel_size,
        stride,
        padding,
        batch.dtype,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )
    return run_packs(problem, backend, batch).reshape(*x.shape[:-3], *problem.y_shape)


@within_memory
def global_max_pool2d(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """The largest pixel of each channel, equation (6): (N, C, H, W) -> (N, C, 1, 1), or (C, H, W) -> (C, 1, 1)."""
    return max_pool2d(x, images("x", x).shape[2:], backend=backend)


@within_memory
def global_avg_pool2d(x: np.ndarray, *, backend: str = "direct") -> np.ndarray:
    """The mean of each channel, equation (7): (N, C, H, W) -> (N, C, 1, 1), or (C, H, W) -> (C, 1, 1).

    PyTorch writes ``adaptive_avg_pool2d(x, 1)``. That function's other output sizes take windows of unequal size, which
    here only the layer of that name has; so this one has ONNX's name, and no argument that could ask for them.
    """
    return avg_pool2d(x, images("x", x).shape[2:], backend=backend)
