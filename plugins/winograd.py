"""Winograd's minimal filtering for 3×3 kernels: equations (34) to (40) of docs/fast-convolution.md.

Tiles of m×m pixels of y are made from tiles of N×N pixels of x, N = m + 2. Tiles and kernels become N·N numbers each,
whose products, summed over channels, are y transformed: N·N multiplications for m·m pixels, where the formula has
9·m·m. ``winograd`` has m = 4, 4 times fewer; ``winograd_2x2`` has m = 2, 2.25 times fewer and smaller errors.

Transforms go between arrays (rows, columns, places, 16). A place is a tile of a channel, or 16 kernels, one a lane;
their number is odd (| 1), for numbers that lie a power of two apart share cache lines (a transform: 200 ns, not 110).
"""

from __future__ import annotations

from functools import cache
from math import ceil

import numpy as np

from nbcnn.kernels.conv2d._blocks import correlate, sum_products
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d._sizes import side
from nbcnn.plugin import Conv2dProblem, Cost, KernelWithAttributes, WeightedKernels, Work, register
from nbcnn.plugin import LANES, kernel, load, splat, store


def matrix(rows, divisor=1):
    """Rows divided by semicolons."""
    return np.array([[float(number) / divisor for number in row.split()] for row in rows.split(";")])


AT = {
    2: matrix("1 1 1 0; 0 1 -1 -1"),
    4: matrix("1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1"),
}
BT = {
    2: matrix("1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1"),
    4: matrix("4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1"),
}
G = {
    2: matrix("2 0 0; 1 1 1; 1 -1 1; 0 0 2", 2),
    4: matrix("6 0 0; -4 -4 -4; -4 4 -4; 1 2 4; 1 -2 4; 0 0 24", 24),
}
TILES, SUMMED = 4, 16
"""Tiles under way at once: few, so that their transforms stay in the cache; more where each sum ends in a lane_sum."""


def both_sides(matrix, name):
    """The kernel out = M d Mᵀ of a tile d, equation (35). M is a constant of its code, so that zeros cost nothing."""
    rows = tuple(tuple(row) for row in matrix.tolist())
    I, J = matrix.shape

    def apply(d, p, out, q, half):
        """From place p of d to place q of out; half is scratch for a tile."""
        real = d.dtype.type
        for columns, source, place, target, to in ((J, d, p, half, 0), (I, half, 0, out, q)):
            for k in range(columns):
                for i in range(I):
                    s = splat(real(0))
                    for j in range(J):
                        if rows[i][j] != 0:
                            s += load(source, (j, k, place)) * real(rows[i][j])
                    store(target, (k, i, to), s)  # transposed: the second time is the other side

    return kernel(apply)


@kernel
def part(scratch, shape):
    """The first numbers of scratch as an array of ``shape``, and the scratch that is left."""
    size = shape[0] * shape[1] * shape[2] * LANES
    return scratch[:size].reshape((shape[0], shape[1], shape[2], LANES)), scratch[size:]


@kernel
def cut(x, c, row, column, tile):
    """The tile (rows, columns, 1) of channel c of x that begins at (row, column), with zeros outside of x."""
    zero = splat(x.dtype.type(0))
    for p in range(tile.shape[0]):
        for q in range(tile.shape[1]):
            r, s = row + p, column + q
            inside = 0 <= r < x.shape[1] and 0 <= s < x.shape[2]
            store(tile, (p, q, 0), load(x, (c, r, s)) if inside else zero)


@kernel
def multiply(u, v, b, s, block):
    """s[o] = sum over c of u[o, c] · v[c] at each of the N·N numbers, equation (36): as many 1×1 convolutions."""
    C, O = v.shape[2] // TILES, s.shape[2] // TILES
    plan = (1, TILES, 0, 1, 0, 1), (0, 1, 0), (1,), (0, 1, 0, TILES), (1, 1, 0, 1, 0, 1)
    for p in range(v.shape[0]):
        for q in range(v.shape[1]):
            tiles = v[p, q, : C * TILES].reshape((C, 1, TILES, LANES))
            weights = u[p, q].reshape(u.shape[2] * LANES)[: O * C].reshape((O, C, 1, 1))
            sums = s[p, q, : O * TILES].reshape((O, 1, TILES, LANES))
            correlate(tiles, weights, b, sums, plan, block)


@cache
def kernels_of(m):
    """forward, grad_input and grad_weight for tiles of m×m pixels of y."""
    N = m + 2
    transform_input, transform_weight = both_sides(BT[m], f"BT_{m}"), both_sides(G[m], f"G_{m}")
    transform_output, transform_gradient = both_sides(AT[m], f"AT_{m}"), both_sides(AT[m].T, f"A_{m}")
    transform_sums = both_sides(G[m].T, f"GT_{m}")

    def convolve(x, w, b, y, scratch, attributes):
        """y (O, OH, OW) of x (C, H, W), w (O, C/G, 3, 3): equation (36). With w (C, O/G, 3, 3) turned: equation (38).

        attributes: G, 1 to turn w, row and column of x at which the first window begins, and block."""
        groups, turned, top, left, block = attributes
        C, O = x.shape[0] // groups, y.shape[0] // groups
        places = (O * C + LANES - 1) // LANES
        half, scratch = part(scratch, (N, N, 1))
        tile, scratch = part(scratch, (N, N, 1))
        pixels, scratch = part(scratch, (m, m, 1))
        small, scratch = part(scratch, (3, 3, places))
        u, scratch = part(scratch, (N, N, places | 1))
        v, scratch = part(scratch, (N, N, C * TILES | 1))
        s, scratch = part(scratch, (N, N, O * TILES | 1))
        small[:], scratch[:O] = 0, 0
        taps, across = small.reshape((9, places * LANES)), (y.shape[2] + m - 1) // m
        count = (y.shape[1] + m - 1) // m * across
        for g in range(groups):
            for number in range(O * C):
                o, c = divmod(number, C)
                for tap in range(9):
                    a, k = divmod(tap, 3)
                    taps[tap, number] = w[g * C + c, o, 2 - a, 2 - k] if turned else w[g * O + o, c, a, k]
            for place in range(places):
                transform_weight(small, place, u, place, half)
            for first in range(0, count, TILES):
                for c in range(C):
                    for t in range(TILES):
                        i, j = divmod(min(first + t, count - 1), across)
                        cut(x, g * C + c, i * m + top, j * m + left, tile)
                        transform_input(tile, 0, v, c * TILES + t, half)
                multiply(u, v, scratch[:O], s, block)
                for o in range(O):
                    for t in range(min(TILES, count - first)):
                        i, j = divmod(first + t, across)
                        transform_output(s, o * TILES + t, pixels, 0, half)
                        for r in range(i * m, min(i * m + m, y.shape[1])):
                            for q in range(j * m, min(j * m + m, y.shape[2])):
                                store(y, (g * O + o, r, q), load(pixels, (r - i * m, q - j * m, 0)) + b[g * O + o])

    convolve = kernel(convolve)

    def grad_input(dy, w, dx, scratch, attributes):
        """dy (O, OH, OW), w (O, C/G, 3, 3) -> dx (C, H, W): equation (38); numbers are convolve's"""
        scratch[: dx.shape[0]] = 0  # instead of a bias
        convolve(dy, w, scratch[: dx.shape[0]], dx, scratch[dx.shape[0] :], attributes)

    def grad_weight(x, dy, dw, db, scratch, attributes):
        """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, 3, 3), db (O,), summed over the 16 images: equation (39)"""
        groups, top, left, block = attributes
        C, O = x.shape[0] // groups, dy.shape[0] // groups
        places = (O * C + LANES - 1) // LANES
        half, scratch = part(scratch, (N, N, 1))
        tile, scratch = part(scratch, (N, N, 1))
        pixels, scratch = part(scratch, (m, m, 1))
        small, scratch = part(scratch, (3, 3, places))
        sums, scratch = part(scratch, (N, N, places | 1))
        product, scratch = scratch[: O * C], scratch[O * C :]
        taps, across = small.reshape((9, places * LANES)), (dy.shape[2] + m - 1) // m
        count = (dy.shape[1] + m - 1) // m * across
        for g in range(groups):
            sums[:] = 0
            for first in range(0, count, SUMMED):
                T = min(SUMMED, count - first)
                v, rest = part(scratch, (N, N, C * T | 1))
                e, rest = part(rest, (N, N, O * T | 1))
                for t in range(T):
                    i, j = divmod(first + t, across)
                    for c in range(C):
                        cut(x, g * C + c, i * m - top, j * m - left, tile)
                        transform_input(tile, 0, v, c * T + t, half)
                    for o in range(O):
                        cut(dy, g * O + o, i * m, j * m, pixels)
                        transform_gradient(pixels, 0, e, o * T + t, half)
                for p in range(N):
                    for q in range(N):
                        tiles = v[p, q, : C * T].reshape((C, 1, T, LANES))
                        gradients = e[p, q, : O * T].reshape((O, 1, T, LANES))
                        sum_products(tiles, gradients, product.reshape((O, C, 1, 1)), (1, 1), (1, 1), block)
                        total = sums[p, q].reshape((places | 1) * LANES)
                        total[: O * C] += product
            for place in range(places):
                transform_sums(sums, place, small, place, half)
            dw[g * O : (g + 1) * O].reshape((O * C, 9))[:] = taps[:, : O * C].T
        bias_gradient(dy, db)

    return convolve, kernel(grad_input), kernel(grad_weight)


@register.backend("conv2d")
class Winograd:
    """3×3 at stride 1 in tiles of 4×4: a quarter of the products"""

    m = 4

    def supports(self, problem: Conv2dProblem) -> str | None:
        """3×3 kernels at stride 1 without dilation; any padding, any groups."""
        for name, can in (("kernel_size", (3, 3)), ("stride", (1, 1)), ("dilation", (1, 1))):
            if getattr(problem, name) != can:
                return f"{name} is {getattr(problem, name)}, it can only do {can}"
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """Of a group: transformed kernels, and of some tiles the channels before and after the products."""
        N, C, O = self.m + 2, problem.w_shape[1], problem.out_channels // problem.groups
        places = ceil(O * C / LANES)
        tiles = (C + O) * SUMMED + 2  # more than convolve's, with its (C + O) * TILES
        scratch = 2 * N * N + self.m**2 + 9 * places + N * N * (places + 1 + tiles)
        return LANES * scratch + O * C + problem.in_channels + max(C, O)

    def tolerance(self, problem: Conv2dProblem) -> float:
        """Equation (40)."""
        a, b, g = (abs(matrices[self.m]) for matrices in (AT, BT, G))
        tiles = ceil(problem.out_height / self.m) * ceil(problem.out_width / self.m)
        channels = max(problem.w_shape[1], problem.out_channels // problem.groups)
        sums = np.sqrt(channels + 28) * (a**2 @ (b.sum(1) * g.sum(1)) ** 2).max()
        gradients = np.sqrt(tiles + ceil(tiles / SUMMED) + 32) * (g.T**2 @ (b.sum(1) * a.sum(0)) ** 2).max()
        return float(2**-24 * max(sums, gradients))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind groups and padding."""
        (convolve, turned, grad_weight), G, (top, _, left, _) = kernels_of(self.m), problem.groups, problem.padding
        of_x, of_y, tiles = side(problem.in_channels // G), side(problem.out_channels // G), side(TILES)
        forward = KernelWithAttributes(convolve, (G, 0, -top, -left, (of_y, tiles)))
        grad_input = KernelWithAttributes(turned, (G, 1, top - 2, left - 2, (of_x, tiles)))
        return WeightedKernels(forward, grad_input, KernelWithAttributes(grad_weight, (G, top, left, (of_y, of_x))))

    def cost(self, problem: Conv2dProblem) -> Cost:
        """A step for every product, and in transforms for every number of a matrix that is not 0."""
        N, m, C, O = self.m + 2, self.m, problem.w_shape[1], problem.out_channels // problem.groups
        a, b, g = (int(np.count_nonzero(matrices[m])) for matrices in (AT, BT, G))

        def work(C: int, O: int, shape: tuple[int, ...], together: int) -> Work:
            tiles = ceil(shape[1] / m) * ceil(shape[2] / m)
            blocks = ceil(tiles / together)
            run = blocks * TILES if together == TILES else tiles  # the last block of a convolution is filled up
            macs = run * N * C * (2 * b + N * O) + tiles * (N + m) * a * O + ceil(O * C / LANES) * (N + 3) * g
            numbers = run * N * N * (3 * C + 2 * O) + tiles * m * m * O
            weights = O * C * (18 + N * N * (1 + blocks))  # every block meets the transformed ones
            return Work(problem.groups * LANES * macs, problem.groups * (LANES * numbers + weights))

        forward, gradient = (work(C, O, problem.y_shape, together) for together in (TILES, SUMMED))
        return Cost(forward, work(O, C, problem.x_shape, TILES), gradient)


@register.backend("conv2d", "winograd_2x2")
class Winograd2x2(Winograd):
    """3×3 at stride 1 in tiles of 2×2: 4/9 of the products"""

    m = 2
