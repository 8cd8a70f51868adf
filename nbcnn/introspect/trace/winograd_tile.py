"""One output pixel as the Winograd backend computes it: equations (35) to (39), by its own kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nbcnn.introspect.trace.backends import lane
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d import _winograd as winograd
from nbcnn.kernels.conv2d.problem import Conv2dProblem


class TileForm(NamedTuple):
    """A tile of ``m`` × ``m`` pixels of y, made from N × N pixels of x, N = m + 2, of all channels of a group.

    Of the first channel: ``pixels`` (N, N) of x, ``transformed`` Bᵀ d B, and its ``kernel`` G g Gᵀ. ``products``
    (N, N) are the products of both, summed over the ``channels``; ``tile`` (m, m) is what Aᵀ … A and the bias make of
    them. It begins at row and column ``corner`` of y, and the number is that at ``place`` in it. ``multiplications``
    are those of the whole tile, where the formula has ``formula``.
    """

    backend: str
    m: int
    channels: int
    corner: tuple[int, int]
    place: tuple[int, int]
    pixels: np.ndarray
    transformed: np.ndarray
    kernel: np.ndarray
    products: np.ndarray
    tile: np.ndarray
    multiplications: int
    formula: int

    @property
    def value(self) -> float:
        """The number itself."""
        return float(self.tile[self.place])


def of_pixel(
    problem: Conv2dProblem, m: int, x: np.ndarray, w: np.ndarray, b: np.ndarray, pixel: tuple[int, int, int]
) -> TileForm:
    """The tile of a pixel: x (C, H, W), w (O, C/G, 3, 3), b (O,); ``m`` is 2 or 4."""
    p, (o, i, j), dtype, N = problem, pixel, x.dtype, m + 2
    channels, (top, _, left, _) = p.in_channels // p.groups, p.padding
    first = o // (p.out_channels // p.groups) * channels
    wide, narrow = tuple(range(N)), tuple(range(m))
    sizes = (wide, narrow, wide)

    def room(*shape: int) -> np.ndarray:
        return np.zeros((*shape, LANES), dtype)

    edge, half, pixels, small = room(N, 1, 1), room(N, N, 1), room(m, m, 1), room(1, 9, 1)
    u, v, s = room(N, N, -(-channels // LANES) | 1), room(N, N, channels | 1), room(N, N, 1)
    corner = i // m * m, j // m * m
    pack = lane(x[first : first + channels])
    for c in range(channels):
        start = c, corner[0] - top, corner[1] - left, 1, 0
        winograd.transform_tiles(pack, start, v, (1, c, 1), (half, edge), sizes)
    winograd.transform_weights(np.ascontiguousarray(w[o]).reshape(channels, 9), u, False, half, small, sizes)
    for r in range(N):
        for q in range(N):
            flat = u[r, q].reshape(u.shape[2] * LANES)
            tiles = v[r, q, :channels].reshape((channels, 1, LANES))
            winograd.multiply(flat, tiles, s[r, q].reshape((1, 1, LANES)), (channels, 1), ((0,), (0,)))
    y = room(1, m, m)
    winograd.transform_sums(s, y, (0, 0, 0, 0), dtype.type(b[o]), (half, pixels), sizes)
    return TileForm(
        backend_of(m),
        m,
        channels,
        corner,
        (i % m, j % m),
        patch(x[first], corner[0] - top, corner[1] - left, N),
        v[:, :, 0, 0].copy(),
        u[:, :, 0, 0].copy(),
        s[:, :, 0, 0].copy(),
        y[0, :, :, 0].copy(),
        N * N * channels,
        9 * m * m * channels,
    )


def backend_of(m: int) -> str:
    """The backend whose tiles are ``m`` × ``m`` pixels of y."""
    return "winograd" if m == 4 else "winograd_2x2"


def patch(x: np.ndarray, row: int, column: int, N: int) -> np.ndarray:
    """N × N pixels of x (H, W) from a row and column on, zeros outside of it."""
    found = np.zeros((N, N), x.dtype)
    for r in range(max(0, -row), min(N, x.shape[0] - row)):
        for q in range(max(0, -column), min(N, x.shape[1] - column)):
            found[r, q] = x[row + r, column + q]
    return found
