"""The direct sum of one output pixel, or of one weight's gradient: each product, in the order of the kernels.

These are equations (1) and (4) of docs/math.md as ``naive`` and ``direct`` take them, so the last sum has their bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from nbcnn.introspect.trace.rounding import add, multiply_add, rounds_once
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes


class Term(NamedTuple):
    """One product of a sum.

    ``indices``: c, a, k of a pixel's sum (input channel within the group, row and column of the kernel), or i, j of a
    gradient's (output row and column). ``pixel``: channel, row and column of x; outside of the image where ``padding``
    is true, and then ``x`` is 0. ``factor`` is the weight, or of a gradient dy. ``sum`` is what the block has come to.
    """

    indices: tuple[int, ...]
    pixel: tuple[int, int, int]
    padding: bool
    x: float
    factor: float
    product: float
    sum: float
    block: int


class DirectSum(NamedTuple):
    """A sum that begins with ``start`` (the bias, or 0), its ``terms``, and the ``total``.

    A sum of more than some thousand terms is taken in blocks (docs/rounding.md): ``blocks`` are what each came to, and
    they are added in their order. ``exact`` is the sum without rounding, as the nearest float64. ``fused``: each
    product is exact, and rounded only together with the sum that it is added to.
    """

    start: float
    terms: tuple[Term, ...]
    blocks: tuple[float, ...]
    total: float
    exact: float
    fused: bool


def pixel_sum(
    problem: Conv2dProblem, x: np.ndarray, w: np.ndarray, b: np.ndarray, pixel: tuple[int, int, int]
) -> DirectSum:
    """Equation (1): x (C, H, W), w (O, C/G, KH, KW), b (O,) at output channel, row and column ``pixel``."""
    p, (o, i, j) = problem, pixel
    channels = p.in_channels // p.groups
    first = o // (p.out_channels // p.groups) * channels

    def factors(n: tuple[Any, Any, Any]) -> Iterator[tuple[tuple[int, ...], tuple[int, int, int], float]]:
        for c in range(*n[0]):
            for a in range(*n[1]):
                for k in range(*n[2]):
                    yield (c, a, k), (first + c, *_met(p, (i, j), (a, k))), float(w[o, c, a, k])

    return _summed(x, (channels, *p.kernel_size), factors, float(b[o]))


def weight_sum(problem: Conv2dProblem, x: np.ndarray, dy: np.ndarray, weight: tuple[int, int, int, int]) -> DirectSum:
    """Equation (4) for one image: x (C, H, W), dy (O, OH, OW) at the weight o, c, a, k."""
    p, (o, c, a, k) = problem, weight
    first = o // (p.out_channels // p.groups) * (p.in_channels // p.groups)

    def factors(n: tuple[Any, Any, Any]) -> Iterator[tuple[tuple[int, ...], tuple[int, int, int], float]]:
        for i in range(*n[1]):
            for j in range(*n[2]):
                yield (i, j), (first + c, *_met(p, (i, j), (a, k))), float(dy[o, i, j])

    found = _summed(x, (1, p.out_height, p.out_width), factors, 0.0)
    return found._replace(total=add(found.total, 0.0, x.dtype))  # the 15 images that are not there


def _met(p: Conv2dProblem, output: tuple[int, int], tap: tuple[int, int]) -> tuple[int, int]:
    """Row and column of x under a tap of the window of an output."""
    row, column = (output[n] * p.stride[n] + tap[n] * p.dilation[n] - p.padding[2 * n] for n in (0, 1))
    return row, column


def _summed(x: np.ndarray, sizes: tuple[int, int, int], factors: Any, start: float) -> DirectSum:
    dtype, fused, (height, width) = x.dtype, rounds_once(), x.shape[1:]
    terms, blocks, block = list[Term](), list[float](), block_sizes(sizes)
    for n in range(block_count(sizes, block)):
        s = start if n == 0 else 0.0
        for index, (c, r, q), factor in factors(block_at(n, sizes, block)):
            inside = 0 <= r < height and 0 <= q < width
            pixel = float(x[c, r, q]) if inside else 0.0
            step = multiply_add(s, pixel, factor, dtype, fused) if inside else None
            s = step.sum if step else s  # as naive does, which skips the padding
            terms.append(Term(index, (c, r, q), not inside, pixel, factor, step.product if step else 0.0, s, n))
        blocks.append(s)
    total = blocks[0]
    for one in blocks[1:]:
        total = add(total, one, dtype)
    return DirectSum(start, tuple(terms), tuple(blocks), total, _exact(start, terms), fused)


def _exact(start: float, terms: list[Term]) -> float:
    if not all(isfinite(n) for term in terms for n in (term.x, term.factor)) or not isfinite(start):
        return float(start + sum(term.x * term.factor for term in terms))
    exact = Fraction(start) + sum(Fraction(term.x) * Fraction(term.factor) for term in terms if not term.padding)
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")
