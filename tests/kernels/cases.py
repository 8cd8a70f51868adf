"""The problems that every backend is held against: one table an op, for all tests and all backends."""

from __future__ import annotations

from nbcnn.check.odd import CONV2D
from nbcnn.kernels.contract import Pool2dProblem

__all__ = ["CONV2D", "LINEAR", "POOL2D", "pool2d"]

POOL2D: dict[str, tuple[int, int, int, tuple[int, int], tuple[int, int], tuple[int, int, int, int]]] = {
    # channels, height, width, kernel_size, stride, padding
    "2x2": (3, 4, 6, (2, 2), (2, 2), (0, 0, 0, 0)),
    "overlapping": (2, 5, 5, (3, 3), (1, 1), (0, 0, 0, 0)),
    "overlapping, stride 2": (1, 7, 6, (3, 3), (2, 2), (0, 0, 0, 0)),
    "padding": (2, 4, 5, (2, 2), (2, 2), (1, 1, 1, 1)),
    "overlapping and padding": (2, 5, 4, (3, 3), (2, 1), (1, 1, 1, 1)),
    "padding on four sides": (1, 5, 5, (3, 2), (2, 2), (1, 0, 0, 1)),
    "gaps between windows": (1, 7, 8, (2, 1), (3, 3), (0, 0, 0, 0)),
    "rectangle": (2, 4, 5, (3, 2), (1, 2), (0, 0, 0, 0)),
    "floor drops a row": (5, 5, 7, (2, 2), (2, 2), (0, 0, 0, 0)),
    "whole image": (2, 3, 4, (3, 4), (3, 4), (0, 0, 0, 0)),
    "one pixel": (1, 1, 1, (1, 1), (1, 1), (0, 0, 0, 0)),
}


def pool2d(op: str, case: str, count_include_pad: bool = True, dtype: str = "float32") -> Pool2dProblem:
    """The problem of a case of ``POOL2D``."""
    return Pool2dProblem(op, *POOL2D[case], count_include_pad, dtype)


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
