"""The base class of the Winograd backends: supported problems, scratch, error bound, cost."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np

from nbcnn.kernels.contract import LANES, KernelWithAttributes, WeightedKernels
from nbcnn.kernels.conv2d._winograd import forward, grad_input
from nbcnn.kernels.conv2d._winograd_grad_weight import grad_weight
from nbcnn.kernels.conv2d._winograd_transforms import ADDITIONS, AT, BT, G
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, Work
from nbcnn.kernels.register_blocks import sums

ROWS = {1: 8, 2: 8, 3: 8, 4: 4, 5: 4, 6: 4, 7: 3}
"""Rows of a register block by its columns; both are compiled for themselves, so there are few. GFLOP/s of the products
alone, a core with 32 registers of 16 numbers, 64 to 64 channels: 4 × 4 has 161, 3 × 7 165, 8 × 3 166, 8 × 2 153."""


class Tiles(NamedTuple):
    """Tiles of an image: rows and columns of them, and how many of each are under way at once, ``together``."""

    down: int
    across: int
    together: tuple[int, int]

    @property
    def under_way(self) -> int:
        """Tiles under way at once."""
        return self.together[0] * self.together[1]

    @property
    def blocks(self) -> int:
        """How often so many are taken."""
        return ceil(self.down / self.together[0]) * ceil(self.across / self.together[1])


class WinogradBackend:
    """Winograd's filtering in tiles of m×m pixels of y, made from N×N pixels of x."""

    m: int

    def supports(self, problem: Conv2dProblem) -> str | None:
        """3×3 kernels at stride 1 without dilation; any padding, any groups."""
        for name, can in (("kernel_size", (3, 3)), ("stride", (1, 1)), ("dilation", (1, 1))):
            if getattr(problem, name) != can:
                return f"{name} is {getattr(problem, name)}, it can only do {can}"
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """Of a group: transformed kernels, and of some tiles the channels before and after the products.

        For the gradient of the weight also its sums, and x with channels in lanes.
        """
        p, N = problem, self.m + 2
        C, O = _channels(p)
        lanes, kernels = ceil(C / LANES), N * N * (ceil(O * C / LANES) | 1)

        def small(tiles: Tiles) -> int:
            return N + ((tiles.together[1] - 1) * self.m + N) * N + self.m**2 + 9

        def convolved(tiles: Tiles) -> int:
            return small(tiles) + kernels + N * N * ((C * tiles.under_way | 1) + (O * tiles.under_way | 1))

        tiles = self._tiles(p.y_shape, 4)
        of_x = N * N * (lanes * tiles.under_way * LANES | 1) + lanes * p.height * p.width * LANES
        summed = N * N * ((O * tiles.under_way | 1) + (O * lanes | 1)) + O * lanes
        return LANES * max(
            convolved(self._tiles(p.y_shape, 8)),
            convolved(self._tiles(p.x_shape, 8)) + ceil(p.in_channels / LANES),
            small(tiles) + LANES + of_x + summed,
        )

    def tolerance(self, problem: Conv2dProblem) -> float:
        """Equation (40)."""
        a, b, g = (abs(matrices[self.m]) for matrices in (AT, BT, G))
        tiles = self._tiles(problem.y_shape, 4)
        products = np.sqrt(max(_channels(problem)) + 28) * (a**2 @ (b.sum(1) * g.sum(1)) ** 2).max()
        roundings = LANES * tiles.under_way + tiles.blocks + 28
        gradients = np.sqrt(roundings) * (g.T**2 @ (b.sum(1) * a.sum(0)) ** 2).max()
        return float(2**-24 * max(products, gradients))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind groups, padding, tiles and blocks."""
        p, (C, O) = problem, _channels(problem)
        top, _, left, _ = p.padding
        wide, narrow = tuple(range(self.m + 2)), tuple(range(self.m))
        of_y, of_x, summed = self._tiles(p.y_shape, 8), self._tiles(p.x_shape, 8), self._tiles(p.y_shape, 4)

        def bound(tiles: Tiles, rows: int, columns: int) -> tuple[object, ...]:
            return tiles.together, (wide, narrow, wide), _block(rows, columns, p.dtype)

        return WeightedKernels(
            KernelWithAttributes(forward, (p.groups, (-top, -left), *bound(of_y, O, of_y.under_way))),
            KernelWithAttributes(grad_input, (p.groups, (top - 2, left - 2), *bound(of_x, C, of_x.under_way))),
            KernelWithAttributes(grad_weight, (p.groups, (-top, -left), *bound(summed, O, ceil(C / LANES)))),
        )

    def cost(self, problem: Conv2dProblem) -> Cost:
        """A step for every product, and in transforms for every addition."""
        p, m, N = problem, self.m, self.m + 2
        of_x, of_dy, of_sums, of_weights, of_gradients = ADDITIONS[m]
        C, O = _channels(p)
        lanes = ceil(C / LANES)

        def laid(tiles: Tiles, steps: int, side: int) -> int:
            """Of a channel, the transforms of all tiles; columns that neighbours share are transformed once."""
            R, S = tiles.together
            return tiles.blocks * R * ((S - 1) * m + side + S * N) * steps

        def convolved(C: int, O: int, tiles: Tiles) -> Work:
            count = tiles.blocks * tiles.under_way
            macs = count * N * N * C * O + C * laid(tiles, of_x, N) + O * count * (N + m) * of_sums
            weights = ceil(O * C / LANES) * (N + 3) * of_weights
            numbers = count * (2 * N * N * (C + O) + m * m * (C + O))
            kernels = O * C * (9 + N * N * (1 + tiles.blocks))  # every block meets all of them
            return Work(p.groups * LANES * (macs + weights), p.groups * (LANES * numbers + kernels))

        tiles = self._tiles(p.y_shape, 4)
        count = tiles.blocks * tiles.under_way
        macs = lanes * LANES * (count * N * N * O + laid(tiles, of_x, N)) + O * laid(tiles, of_dy, m)
        numbers = LANES * count * 2 * (N * N + m * m) * (lanes * LANES + O)
        sums = LANES * N * N * O * lanes
        gradient = Work(
            p.groups * (LANES * macs + LANES * O * lanes * (N + 3) * of_gradients + tiles.blocks * sums),
            p.groups * (numbers + 2 * tiles.blocks * sums + 9 * O * C),
        )
        forward, backward = self._tiles(p.y_shape, 8), self._tiles(p.x_shape, 8)
        return Cost(convolved(C, O, forward), convolved(O, C, backward), gradient)

    def _tiles(self, shape: tuple[int, ...], most: int) -> Tiles:
        """Of an image (channels, rows, columns): at most so many side by side, in equal shares; if few, rows of them.

        So few at once that their transformed channels stay in a core's cache.
        """
        down, across = (ceil(size / self.m) for size in shape[1:])
        columns = ceil(across / ceil(across / most))
        return Tiles(down, across, (min(down, max(1, 4 // columns)), columns))


def _channels(p: Conv2dProblem) -> tuple[int, int]:
    """Those of x and of y that a group has."""
    return p.in_channels // p.groups, p.out_channels // p.groups


def _block(rows: int, columns: int, dtype: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The register block for a product of so many rows and columns of lanes."""
    if sums(dtype) < 16:  # with 16 registers of 256 bits, 64 channels or more: 6 × 1 is up to 9 % faster than 4 × 1
        most = 6 if sums(dtype) >= 5 and rows >= 32 else 4
        return tuple(range(most if rows >= 4 else 1)), (0,)
    wide = columns if columns in ROWS else 4
    return tuple(range(ROWS[wide] if rows >= ROWS[wide] else 1)), tuple(range(wide))
