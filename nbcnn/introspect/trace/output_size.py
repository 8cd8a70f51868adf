"""The output size of a convolution, equation (2), with its numbers filled in, and what the floor drops."""

from __future__ import annotations

from typing import NamedTuple

from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.shapes import padded


class AxisSize(NamedTuple):
    """Rows or columns of the output: the ``formula`` with numbers, how many (``outputs``), and what the floor drops.

    ``dropped`` are the last positions of the padded image that lie under no window, counted from the image's own first
    row or column; of these ``pixels`` are in the image, the others are padding.
    """

    axis: str
    formula: str
    outputs: int
    dropped: tuple[int, ...]
    pixels: tuple[int, ...]

    def words(self) -> str:
        """A sentence about what is dropped; "" where nothing is."""
        if not self.dropped:
            return ""
        one = len(self.dropped) == 1
        what = {"rows": ("row", "rows"), "columns": ("column", "columns")}[self.axis][not one]
        named = ", ".join(map(str, self.dropped[:8])) + (f" to {self.dropped[-1]}" if len(self.dropped) > 8 else "")
        outside = len(self.dropped) - len(self.pixels)
        where = " (padding)" if not self.pixels else f" ({outside} of padding)" if outside else ""
        return (
            f"the floor drops {what} {named}{where}: {'it lies' if one else 'they lie'} under no window, "
            f"and {'its' if one else 'their'} gradient is 0"
        )


def output_sizes(problem: Conv2dProblem) -> tuple[AxisSize, AxisSize]:
    """Rows, then columns."""
    return _axis(problem, 0), _axis(problem, 1)


def _axis(p: Conv2dProblem, axis: int) -> AxisSize:
    size, before, after = p.x_shape[1 + axis], *p.padding[2 * axis : 2 * axis + 2]
    kernel, stride, dilation = p.kernel_size[axis], p.stride[axis], p.dilation[axis]
    count = p.y_shape[1 + axis]
    room = size + before + after - dilation * (kernel - 1) - 1
    inside = padded(size, before, after) if before or after else str(size)
    formula = (
        f"{('OH', 'OW')[axis]} = floor(({inside} - {dilation}·({kernel} - 1) - 1) / {stride}) + 1 "
        f"= floor({room} / {stride}) + 1 = {count}"
    )
    end = size + after
    dropped = tuple(range(end - room % stride, end))
    return AxisSize(("rows", "columns")[axis], formula, count, dropped, tuple(n for n in dropped if 0 <= n < size))
