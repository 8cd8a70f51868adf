"""The problems that every backend is held against: one table an op, for all tests and all backends."""

from __future__ import annotations

from dataclasses import replace

from nbcnn.kernels.conv2d._edge_cases import EDGE_CASES as CONV2D
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend, backend_names

__all__ = ["ANY_KERNEL", "CONV2D", "DILATED_POOL2D", "LINEAR", "POOL2D", "pool2d"]

ANY_KERNEL = [
    name
    for name in backend_names("conv2d")
    if all(backend("conv2d", name).supports(problem) is None for problem in CONV2D.values())
]
"""The backends of conv2d that take every problem."""

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
