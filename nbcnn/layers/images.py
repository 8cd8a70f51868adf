"""Checks shared by layers on images (C, H, W): of the input, and of the output's size."""

from __future__ import annotations

from nbcnn.errors import ShapeError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.shapes import padded, window_flaw
from nbcnn.layers.base import Shape


def image_shape(where: str, in_shape: Shape) -> tuple[int, int, int]:
    """(C, H, W), or a ShapeError for an input that was flattened."""
    if len(in_shape) != 3:
        raise ShapeError(
            f"{where}: expected an image (channels, height, width), got {in_shape[0]} features; "
            "move this layer before the flatten"
        )
    channels, height, width = in_shape
    return channels, height, width


def output_shape(where: str, what: str, problem: Conv2dProblem | Pool2dProblem) -> Shape:
    """(C, OH, OW), or a ShapeError with the arithmetic where the window is larger than the padded image."""
    p = problem
    if flaw := window_flaw(p.x_shape[1:], p.kernel_size, p.stride, p.padding, p.dilation):  # type: ignore[arg-type]
        raise ShapeError(f"{where}: {flaw}")
    sides = (p.padding[:2], p.padding[2:])
    axes = zip(("height", "width"), p.x_shape[1:], p.y_shape[1:], p.kernel_size, p.dilation, sides, strict=True)
    for axis, size, out, taps, dilation, (before, after) in axes:
        if out < 1:
            length = dilation * (taps - 1) + 1
            spread = f" (dilated: {dilation}·({taps} - 1) + 1)" if dilation > 1 else ""
            raise ShapeError(
                f"{where}: a {what} of {axis} {length}{spread} does not fit the padded input: "
                f"{padded(size, before, after)} = {size + before + after} is less than {length}; "
                f"use a smaller {what}, more padding, or fewer layers that shrink the image before it"
            )
    return p.y_shape
