"""The same sum as one number of a matrix product, as ``im2col`` lays it out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.introspect.trace.direct_sum import Term
from nbcnn.kernels.conv2d.problem import Conv2dProblem


class MatrixForm(NamedTuple):
    """A product of matrices of shapes ``left`` (M, K) and ``right`` (K, N), of one group of channels.

    The number is that in ``row`` and ``column`` of the product: ``left_row`` (K,) times ``right_column`` (K,), plus the
    bias. ``macs`` are the multiply-adds of this one number, padding included.
    """

    left: tuple[int, int]
    right: tuple[int, int]
    row: int
    column: int
    left_row: np.ndarray
    right_column: np.ndarray

    @property
    def macs(self) -> int:
        """The multiply-adds of this number."""
        return self.left[1]


def of_pixel(problem: Conv2dProblem, pixel: tuple[int, int, int], terms: tuple[Term, ...]) -> MatrixForm:
    """W (O/G, C/G·KH·KW) times the columns (C/G·KH·KW, OH·OW): a row of W, and the window as a column."""
    p, (o, i, j) = problem, pixel
    taps, outputs = len(terms), p.out_channels // p.groups
    left, right = (outputs, taps), (taps, p.out_height * p.out_width)
    return MatrixForm(left, right, o % outputs, i * p.out_width + j, *_vectors(problem, terms, ("factor", "x")))


def of_weight(problem: Conv2dProblem, weight: tuple[int, int, int, int], terms: tuple[Term, ...]) -> MatrixForm:
    """dY (O/G, OH·OW) times the turned columns (OH·OW, C/G·KH·KW): a row of dY, and what a tap meets as a column."""
    p, (o, c, a, k) = problem, weight
    KH, KW = p.kernel_size
    outputs, pixels = p.out_channels // p.groups, len(terms)
    left, right = (outputs, pixels), (pixels, p.in_channels // p.groups * KH * KW)
    return MatrixForm(left, right, o % outputs, (c * KH + a) * KW + k, *_vectors(problem, terms, ("factor", "x")))


def _vectors(problem: Conv2dProblem, terms: tuple[Term, ...], names: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    left, right = (np.array([getattr(term, name) for term in terms], problem.dtype) for name in names)
    return left, right
