"""Convolution and its gradients on arrays: equations (1), (3) and (4) of docs/math.md.

``padding`` is one number, two (rows, columns), four (top, bottom, left, right), ``"valid"`` (none) or ``"same"``: the
output has ceil(size / stride) pixels, and an odd zero goes after. At stride 1 that is PyTorch's, which has no other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbcnn.errors import ShapeError
from nbcnn.functional.arrays import (
    Ints,
    check_alike,
    check_shape,
    empty_packs,
    float_array,
    from_packs,
    images,
    sizes,
    to_packs,
)
from nbcnn.functional.problem_arguments import conv2d_problem, prepared_kernels
from nbcnn.lanes.block_sums import BLOCK
from nbcnn.util.blas import one_blas_thread
from nbcnn.util.memory import within_memory


@within_memory
def conv2d(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """Cross-correlation, equation (1): x (N, C, H, W), w (O, C/groups, KH, KW), b (O,) or None -> (N, O, OH, OW).

    x (C, H, W) gives (O, OH, OW).
    """
    batch, w = images("x", x), float_array("w", w, 4)
    b = np.zeros(len(w), w.dtype) if b is None else float_array("b", b, 1)
    check_alike(x=batch, w=w, b=b)
    if b.shape != w.shape[:1]:
        raise ShapeError(
            f"conv2d: b must have one number for each of the {len(w)} output channels, got shape {b.shape}"
        )
    problem = conv2d_problem(batch.shape, w.shape, stride, padding, dilation, groups, w.dtype)
    kernels, scratch = prepared_kernels(problem, backend, len(batch))
    y = empty_packs(len(batch), problem.y_shape, w.dtype)
    with one_blas_thread():
        for pack, result in zip(to_packs(batch), y, strict=True):
            kernels.forward(pack, w, b, result, scratch)
    return from_packs(y, len(batch)).reshape(*x.shape[:-3], *problem.y_shape)


@within_memory
def conv2d_grad_input(
    input_size: Sequence[int],
    weight: np.ndarray,
    grad_output: np.ndarray,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """Equation (3): weight (O, C/groups, KH, KW), grad_output (N, O, OH, OW) -> ``input_size`` (N, C, H, W).

    With an ``input_size`` (C, H, W), grad_output is (O, OH, OW).
    """
    w, dy = float_array("weight", weight, 4), float_array("grad_output", grad_output)
    check_alike(weight=w, grad_output=dy)
    shape = sizes("input_size", input_size, "(N, C, H, W)", "one image")
    problem = conv2d_problem((1, *shape[-3:]), w.shape, stride, padding, dilation, groups, w.dtype)
    check_shape("conv2d_grad_input: grad_output", dy.shape, (*shape[:-3], *problem.y_shape))
    batch = images("grad_output", dy)
    kernels, scratch = prepared_kernels(problem, backend, len(batch))
    dx = empty_packs(len(batch), problem.x_shape, w.dtype)
    with one_blas_thread():
        for pack, result in zip(to_packs(batch), dx, strict=True):
            kernels.grad_input(pack, w, result, scratch)
    return from_packs(dx, len(batch)).reshape(shape)


@within_memory
def conv2d_grad_weight(
    input: np.ndarray,
    weight_size: Sequence[int],
    grad_output: np.ndarray,
    stride: Ints = 1,
    padding: Ints | str = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    backend: str = "direct",
) -> np.ndarray:
    """Equation (4), over all images: input (N, C, H, W), grad_output (N, O, OH, OW) -> (O, C/groups, KH, KW).

    With an input (C, H, W), grad_output is (O, OH, OW). ``weight_size`` is the shape of the result.
    """
    x, dy = images("input", input), float_array("grad_output", grad_output)
    check_alike(input=x, grad_output=dy)
    shape = sizes("weight_size", weight_size, "(O, C/groups, KH, KW)")
    problem = conv2d_problem(x.shape, shape, stride, padding, dilation, groups, x.dtype)
    check_shape("conv2d_grad_weight: grad_output", dy.shape, (*input.shape[:-3], *problem.y_shape))
    kernels, scratch = prepared_kernels(problem, backend, len(x))
    total, part, dw, db = (np.zeros(size, x.dtype) for size in (shape, shape, shape, shape[0]))
    with one_blas_thread():
        for number, (pack, gradient) in enumerate(zip(to_packs(x), to_packs(images("grad_output", dy)), strict=True)):
            kernels.grad_weight(pack, gradient, dw, db, scratch)
            if number % BLOCK == 0:  # very many packs are summed in blocks
                total += part
                part[:] = 0
            part += dw
    return np.asarray(total + part)
