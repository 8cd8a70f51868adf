"""The gradient of one convolution weight as the Winograd backend computes it: equation (39), by its own kernels."""

from __future__ import annotations

from math import fsum
from typing import NamedTuple

import numpy as np

from nbcnn.introspect.trace.backends import lane
from nbcnn.introspect.trace.direct_sum import Term
from nbcnn.introspect.trace.winograd_tile import backend_of, patch
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d import _winograd as winograd
from nbcnn.kernels.conv2d._winograd_grad_weight import transform_gradients
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import prepare


class GradientTiles(NamedTuple):
    """The gradient (3, 3) of one kernel, from all tiles of ``m`` × ``m`` pixels of dy; the number is at ``place``.

    ``tiles`` are rows and columns of them. One is shown, that with the largest part in the number: it begins at row and
    column ``corner`` of dy, ``share`` is its part, by the formula. Of it: the ``gradients`` (m, m), with zeros where it
    reaches beyond dy, and the ``pixels`` (N, N) of x, N = m + 2; both transformed, A e Aᵀ and Bᵀ d B; and their
    ``products`` (N, N). ``sums`` (N, N) are the products of all tiles, summed; Gᵀ … G makes ``kernel`` of them.
    ``multiplications`` are those of all products, for nine gradients at once, where the formula has ``formula``.
    """

    backend: str
    m: int
    tiles: tuple[int, int]
    corner: tuple[int, int]
    share: float
    place: tuple[int, int]
    gradients: np.ndarray
    transformed_gradients: np.ndarray
    pixels: np.ndarray
    transformed: np.ndarray
    products: np.ndarray
    sums: np.ndarray
    kernel: np.ndarray
    multiplications: int
    formula: int

    @property
    def value(self) -> float:
        """The number itself."""
        return float(self.kernel[self.place])


def of_weight(
    problem: Conv2dProblem,
    m: int,
    x: np.ndarray,
    dy: np.ndarray,
    weight: tuple[int, int, int, int],
    terms: tuple[Term, ...],
) -> GradientTiles:
    """x (C, H, W), dy (O, OH, OW), the weight o, c, a, k and the ``terms`` of its direct sum; ``m`` is 2 or 4."""
    p, (o, c, a, k), dtype, N = problem, weight, x.dtype, m + 2
    own = o // (p.out_channels // p.groups) * (p.in_channels // p.groups) + c
    wide, narrow = tuple(range(N)), tuple(range(m))
    _, (top, left), together, *_ = prepare(p, backend_of(m)).kernels.grad_weight.attributes[0]
    tiles = -(-p.out_height // m), -(-p.out_width // m)
    shown, share = _largest(terms, m)

    def room(*shape: int) -> np.ndarray:
        return np.zeros((*shape, LANES), dtype)

    most = together[0] * together[1]
    edge, half, small = room(N, 1, 1), room((together[1] - 1) * m + N, N, 1), room(3, 3, 1)
    v, e, product, sums = room(N, N, most | 1), room(N, N, most | 1), room(N, N, 1), room(N, N, 1)
    of_x, of_dy = lane(x[own : own + 1]), lane(dy[o : o + 1])
    found = dict[str, np.ndarray]()
    with np.errstate(all="ignore"):  # NaN and infinity are traced like other numbers
        for ti in range(0, tiles[0], together[0]):
            R = min(together[0], tiles[0] - ti)
            for tj in range(0, tiles[1], together[1]):  # in blocks, as the backend adds them
                S = min(together[1], tiles[1] - tj)
                for i in range(R):
                    r, q = (ti + i) * m, tj * m
                    at = (S, i * S, 1), (half, edge)
                    winograd.transform_tiles(of_x, (0, r + top, q + left, 1, 0), v, *at, (wide, narrow, wide))
                    winograd.transform_tiles(of_dy, (0, r, q, 1, 0), e, *at, (narrow, narrow, wide))
                for r in range(N):
                    for q in range(N):
                        gradients, pixels = np.ascontiguousarray(e[r, q, : R * S, 0]), v[r, q, : R * S]
                        one = product[r, q].reshape((1, 1, LANES))
                        winograd.multiply(gradients, pixels.reshape((R * S, 1, LANES)), one, (R * S, 1), ((0,), (0,)))
                sums += product
                row, column = shown[0] - ti, shown[1] - tj
                if 0 <= row < R and 0 <= column < S:
                    place = row * S + column
                    found = {"transformed": v[:, :, place, 0].copy(), "gradients": e[:, :, place, 0].copy()}
                    found["products"] = found["transformed"] * found["gradients"]
        dw = np.zeros((1, 1, 3, 3), dtype)
        transform_gradients(sums, dw, half, small, wide)
    corner = shown[0] * m, shown[1] * m
    return GradientTiles(
        backend_of(m),
        m,
        tiles,
        corner,
        share,
        (a, k),
        patch(dy[o], *corner, m),
        found["gradients"],
        patch(x[own], corner[0] + top, corner[1] + left, N),
        found["transformed"],
        found["products"],
        sums[:, :, 0, 0].copy(),
        dw[0, 0],
        N * N * tiles[0] * tiles[1],
        9 * p.out_height * p.out_width,
    )


def _largest(terms: tuple[Term, ...], m: int) -> tuple[tuple[int, int], float]:
    """Row and column of the tile whose terms have the largest sum, without its sign, and the sum."""
    parts = dict[tuple[int, int], list[float]]()
    for term in terms:
        i, j = term.indices
        parts.setdefault((i // m, j // m), []).append(term.product)
    shares = {
        tile: fsum(products) if np.isfinite(products).all() else sum(products) for tile, products in parts.items()
    }
    tile = max(shares, key=lambda tile: abs(shares[tile]) if not np.isnan(shares[tile]) else np.inf)
    return tile, shares[tile]
