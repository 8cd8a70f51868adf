"""The problems that every backend is held against: one table an op, for all tests and all backends."""

from __future__ import annotations

from dataclasses import replace

from nbcnn.kernels.contract import Conv2dProblem, Pool2dProblem

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

POOL2D: dict[str, Pool2dProblem] = {
    name: Pool2dProblem("", *numbers)
    for name, numbers in {
        # channels, height, width, kernel_size, stride, padding
        "2x2": (3, 4, 6, (2, 2), (2, 2)),
        "overlapping": (2, 5, 5, (3, 3), (1, 1)),
        "overlapping, stride 2": (1, 7, 6, (3, 3), (2, 2)),
        "padding": (2, 4, 5, (2, 2), (2, 2), (1, 1, 1, 1)),
        "overlapping and padding": (2, 5, 4, (3, 3), (2, 1), (1, 1, 1, 1)),
        "padding on four sides": (1, 5, 5, (3, 2), (2, 2), (1, 0, 0, 1)),
        "wide padding on four sides": (2, 4, 3, (3, 4), (1, 2), (2, 1, 0, 3)),
        "gaps between windows": (1, 7, 8, (2, 1), (3, 3)),
        "rectangle": (2, 4, 5, (3, 2), (1, 2)),
        "floor drops a row": (5, 5, 7, (2, 2), (2, 2)),
        "whole image": (2, 3, 4, (3, 4), (3, 4)),
        "one pixel": (1, 1, 1, (1, 1), (1, 1)),
    }.items()
} | {
    name: Pool2dProblem("", *numbers, ceil_mode=True)
    for name, numbers in {
        "ceil: a row more": (2, 5, 7, (2, 2), (2, 2)),
        "ceil: nothing more": (1, 4, 6, (2, 2), (2, 2)),
        "ceil and padding": (2, 6, 5, (3, 3), (2, 2), (1, 1, 1, 1)),
        "ceil and padding on four sides": (1, 5, 6, (3, 4), (3, 3), (0, 2, 1, 0)),
        "ceil: none begins behind the image": (2, 4, 3, (2, 3), (3, 4), (1, 1, 1, 1)),
        "ceil: larger than the image": (1, 1, 2, (2, 3), (2, 2)),
        "ceil and gaps": (1, 7, 8, (2, 1), (4, 3)),
    }.items()
}
"""Those that both kinds of pooling can do; ``pool2d`` names the op."""

DILATED_POOL2D: dict[str, Pool2dProblem] = {
    "dilation": Pool2dProblem("", 2, 6, 7, (2, 2), (1, 1), dilation=(2, 3)),
    "dilation and stride": Pool2dProblem("", 1, 8, 9, (3, 2), (2, 3), dilation=(2, 2)),
    "dilation and padding": Pool2dProblem("", 2, 6, 5, (3, 3), (2, 1), (1, 1, 1, 1), dilation=(2, 1)),
    "dilation and wide padding": Pool2dProblem("", 1, 4, 5, (3, 2), (1, 2), (4, 3, 2, 1), dilation=(2, 3)),
    "dilation and ceil": Pool2dProblem("", 2, 7, 8, (2, 3), (3, 2), (0, 1, 1, 0), dilation=(3, 2), ceil_mode=True),
    "a window without a pixel": Pool2dProblem("", 1, 2, 3, (2, 2), (1, 1), (1, 1, 1, 1), dilation=(3, 2)),
}


def pool2d(op: str, case: str, count_include_pad: bool = True, dtype: str = "float32") -> Pool2dProblem:
    """The problem of a case of ``POOL2D`` or ``DILATED_POOL2D``."""
    problem = (POOL2D | DILATED_POOL2D)[case]
    return replace(problem, op=op, count_include_pad=count_include_pad, dtype=dtype)


LINEAR: dict[str, tuple[int, int]] = {
    # in_features, out_features: around the blocks of 8 and 16
    "1 to 1": (1, 1),
    "3 to 7": (3, 7),
    "7 to 8": (7, 8),
    "8 to 9": (8, 9),
    "15 to 3": (15, 3),
    "16 to 1": (16, 1),
    "17 to 10": (17, 10),
    "33 to 16": (33, 16),
    "40 to 17": (40, 17),
}
