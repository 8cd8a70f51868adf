"""Winograd's transforms of a row of pixels, weights, sums or gradients: products with the matrices of equations (34)
and (37), in as few additions as they take. A row is a tuple of lanes; how long it is says which matrix is meant.

Each number on the way is a part of the sum that a row of the matrix stands for, so no rounding is larger than those of
that sum, term by term, which equation (40) counts.
"""

from __future__ import annotations

import numpy as np

from nbcnn.compiler.jit import kernel

Matrix = np.ndarray


def _matrix(rows: str, divisor: int = 1) -> Matrix:
    """Rows divided by semicolons."""
    return np.array([[float(number) / divisor for number in row.split()] for row in rows.split(";")])


AT = {
    2: _matrix("1 1 1 0; 0 1 -1 -1"),
    4: _matrix("1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1"),
}
BT = {
    2: _matrix("1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1"),
    4: _matrix("4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1"),
}
G = {
    2: _matrix("2 0 0; 1 1 1; 1 -1 1; 0 0 2", 2),
    4: _matrix("6 0 0; -4 -4 -4; -4 4 -4; 1 2 4; 1 -2 4; 0 0 24", 24),
}
"""By m, the side of a tile of y."""

ADDITIONS = {2: (4, 3, 4, 5, 5), 4: (12, 9, 10, 8, 12)}
"""Additions of times_bt, times_a, times_at, times_g and times_gt, by m; a product in a sum is one step with it."""


@kernel
def times_bt(d):
    """Bᵀ d: pixels of x, N = m + 2 of them, to N numbers."""
    if len(d) == 4:
        d0, d1, d2, d3 = d
        return d0 - d2, d1 + d2, d2 - d1, d1 - d3
    else:  # noqa: RET505 (Numba looks at only one of the two)
        d0, d1, d2, d3, d4, d5 = d
        even, odd, twos, two = d4 - d2 * 4, d3 - d1 * 4, d4 - d2, d3 - d1
        return twos + (d0 - d2) * 4, even + odd, even - odd, twos + two * 2, twos - two * 2, (d5 - d3) - two * 4


@kernel
def times_a(e):
    """A e: gradients of y, m of them, to N numbers."""
    if len(e) == 2:
        e0, e1 = e
        return e0, e0 + e1, e0 - e1, -e1
    else:  # noqa: RET505
        e0, e1, e2, e3 = e
        even, odd, evens, odds = e0 + e2, e1 + e3, e0 + e2 * 4, e1 * 2 + e3 * 8
        return e0, even + odd, even - odd, evens + odds, evens - odds, e3


@kernel
def times_at(s):
    """Aᵀ s: N sums of products to m numbers of y."""
    if len(s) == 4:
        s0, s1, s2, s3 = s
        return s0 + s1 + s2, s1 - s2 - s3
    else:  # noqa: RET505
        s0, s1, s2, s3, s4, s5 = s
        even, odd, evens, odds = s1 + s2, s1 - s2, s3 + s4, s3 - s4
        return s0 + even + evens, odd + odds * 2, even + evens * 4, odd + odds * 8 + s5


@kernel
def times_g(g, wide):
    """G g: 3 weights to N numbers, N being the length of ``wide``; times 6 all but the first and the last of 6."""
    g0, g1, g2 = g
    if len(wide) == 4:
        return g0, (g0 + g2 + g1) / 2, (g0 + g2 - g1) / 2, g2
    else:  # noqa: RET505
        even, evens, odds = g0 + g2, g0 / 4 + g2, g1 / 2
        return g0 / 4, -(even + g1), g1 - even, evens + odds, evens - odds, g2


@kernel
def times_gt(s):
    """Gᵀ s: N sums of products to gradients of 3 weights; of 6 sums 6 times these."""
    if len(s) == 4:
        s0, s1, s2, s3 = s
        even, odd = (s1 + s2) / 2, (s1 - s2) / 2
        return s0 + even, odd, even + s3
    else:  # noqa: RET505
        s0, s1, s2, s3, s4, s5 = s
        even, odd, evens, odds = s1 + s2, s1 - s2, s3 + s4, s3 - s4
        return s0 * 3 / 2 + (evens / 4 - even), odds / 2 - odd, s5 * 6 + (evens - even)
