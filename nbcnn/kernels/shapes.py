"""Sizes of outputs and of padding: the arithmetic that every op with windows shares."""

from __future__ import annotations

Pair = tuple[int, int]
"""Rows, columns."""
Sides = tuple[int, int, int, int]
"""Top, bottom, left, right."""


def output_size(
    size: int, kernel_size: int, stride: int, before: int, after: int, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Equation (2) of docs/math.md: floor((size + before + after - dilation·(kernel_size - 1) - 1) / stride) + 1.

    With ``ceil_mode`` the quotient is rounded up, but no window begins beyond the input and the padding before it. A
    kernel larger than the padded input gives 0 or less.
    """
    room = size + before + after - dilation * (kernel_size - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def same_padding(size: int, kernel_size: int, stride: int, dilation: int = 1) -> Pair:
    """Zeros before and after so that the output has ceil(size / stride) pixels; an odd one goes after.

    At stride 1 this is PyTorch's ``padding='same'``; at others, ONNX's SAME_UPPER.
    """
    needed = (-(-size // stride) - 1) * stride + dilation * (kernel_size - 1) + 1 - size
    return max(needed, 0) // 2, max(needed, 0) - max(needed, 0) // 2
