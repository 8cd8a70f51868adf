"""What layers on images (C, H, W) share: the check of their input and of their output's size."""

from __future__ import annotations

from nbcnn.errors import ShapeError
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


def check_size(where: str, what: str, in_shape: Shape, window: tuple[int, int], padding: tuple[int, int]) -> None:
    """A ShapeError with the arithmetic where the window is larger than the padded image."""
    for axis, size, length, pad in zip(("height", "width"), in_shape[1:], window, padding, strict=True):
        if length > size + 2 * pad:
            raise ShapeError(
                f"{where}: a {what} of {axis} {length} does not fit the padded input: "
                f"{size} + 2·{pad} = {size + 2 * pad} is less than {length}; "
                f"use a smaller {what}, more padding, or fewer layers that shrink the image before it"
            )
