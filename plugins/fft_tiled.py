"""Cross-correlation as a product of spectra, tile by tile: equations (31) to (33) of docs/fast-convolution.md.

``fft`` lays the whole padded image into one frame of a power of two; here a small frame moves over the image, in steps
at which what it keeps joins without a gap (overlap-save). A frame costs FH·FW·log(FH·FW), so many small ones are less
work than one large one, their spectra stay in the cache, and an image of 68 rows need not be one of 128. Only a frame
not much larger than the kernel is wasted, for it keeps little: the cheapest frame is chosen by counting.

Transforms, products and the layout of spectra are those of nbcnn/kernels/conv2d/fft.py.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product as combinations
from math import ceil, prod

import numpy as np

from nbcnn.kernels.conv2d._fourier import fft_cost, plane_shape, spectrum_shape, tables_of
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d.fft import add_weight_products, planes, spectra, weight_spectra, weights_from_spectra
from nbcnn.plugin import Conv2dProblem, Cost, SimpleBackend, WeightedKernels, Work, register
from nbcnn.plugin import LANES, kernel, load, store

Pair = tuple[int, int]
IN_CACHE = 1024
"""Pixels of a frame of which a pair of planes, 128 KB, stays in the second cache of any machine."""


@kernel
def cut(x, window, first, step):
    """From x (C, H, W), its pixels ``step`` apart with zeros between, a window (C, FH, FW) that begins at ``first``."""
    H, W = x.shape[1:3]
    window[:] = 0
    for c in range(x.shape[0]):
        for i in range(max(0, -(-first[0] // step[0])), min(H, -(-(first[0] + window.shape[1]) // step[0]))):
            for j in range(max(0, -(-first[1] // step[1])), min(W, -(-(first[1] + window.shape[2]) // step[1]))):
                store(window, (c, i * step[0] - first[0], j * step[1] - first[1]), load(x, (c, i, j)))


@kernel
def paste(tile, y, first):
    """What of a tile (O, TH, TW) lies within y, to y from ``first`` on."""
    for o in range(y.shape[0]):
        for i in range(min(tile.shape[1], y.shape[1] - first[0])):
            for j in range(min(tile.shape[2], y.shape[2] - first[1])):
                store(y, (o, first[0] + i, first[1] + j), load(tile, (o, i, j)))


def span_of(problem: Conv2dProblem) -> Pair:
    """Rows and columns from a window's first tap to its last."""
    (KH, KW), (DH, DW) = problem.kernel_size, problem.dilation
    return DH * (KH - 1) + 1, DW * (KW - 1) + 1


def kept(problem: Conv2dProblem, frame: Pair) -> tuple[Pair, Pair]:
    """Pixels of y, and of dx, that one frame gives: those whose windows lie within it."""
    room = tuple(f - s for f, s in zip(frame, span_of(problem), strict=True))
    rows, columns = (r // s + 1 for r, s in zip(room, problem.stride, strict=True))
    return (rows, columns), (room[0] + 1, room[1] + 1)


def tiles(shape: tuple[int, ...], tile: Pair) -> list[Pair]:
    """Where the tiles of a plane (..., H, W) begin."""
    return list(combinations(range(0, shape[-2], tile[0]), range(0, shape[-1], tile[1])))


def count(shape: tuple[int, ...], tile: Pair) -> int:
    """How many tiles that are."""
    return ceil(shape[-2] / tile[0]) * ceil(shape[-1] / tile[1])


def in_frame(problem: Conv2dProblem, frame: Pair) -> Conv2dProblem:
    """The problem that one frame solves, for one group."""
    C, O, G = problem.in_channels, problem.out_channels, problem.groups
    size = {"in_channels": C // G, "out_channels": O // G, "height": frame[0], "width": frame[1]}
    return replace(problem, **size, padding=(0, 0, 0, 0), groups=1)


def cost_in_frames(problem: Conv2dProblem, frame: Pair) -> Cost:
    """Each frame's work, those of kernels included, as often as there are tiles and groups."""
    one, (of_y, of_x) = fft_cost(in_frame(problem, frame)), kept(problem, frame)
    on_y, on_x = (problem.groups * count(s, t) for s, t in ((problem.y_shape, of_y), (problem.x_shape, of_x)))
    times = (on_y, on_x, on_y)
    return Cost(*(Work(n * work.macs, n * work.numbers) for n, work in zip(times, one, strict=True)))


def best_frame(problem: Conv2dProblem) -> Pair:
    """The frame with the least work in all directions together, among powers of two that hold the kernel.

    A step in a frame of more than IN_CACHE pixels counts twice: 64×64 took two to three times as long as 32×32.
    """
    sides = []
    for span, size in zip(span_of(problem), problem.padded_size, strict=True):
        sides.append([1 << k for k in range((span - 1).bit_length(), (size + span - 2).bit_length() + 1)])

    def work(frame: Pair) -> int:
        macs = sum(work.macs for work in cost_in_frames(problem, frame))
        return 2 * macs if prod(frame) > IN_CACHE else macs

    return min(combinations(*sides), key=work)


@register.backend("conv2d")
class FFTTiled(SimpleBackend):
    """product of spectra of small frames (overlap-save); for large images"""

    def workspace(self, problem: Conv2dProblem) -> int:
        """A window and its spectra, the spectra of a group's kernels, a product of spectra, a plane, a tile."""
        return sum(prod(shape) for shape in self._shapes(problem))

    def tolerance(self, problem: Conv2dProblem) -> float:
        """Equation (33)."""
        frame = best_frame(problem)
        one, (of_y, _) = in_frame(problem, frame), kept(problem, frame)
        summed = max(one.in_channels, one.out_channels, 4 + count(problem.y_shape, of_y))
        terms = max(prod(problem.kernel_size), prod(of_y))
        return float(2**-23 * np.sqrt((21 * np.log2(prod(frame)) + summed + 1) * terms))

    def cost(self, problem: Conv2dProblem) -> Cost:
        """Transforms and complex products of all frames."""
        return cost_in_frames(problem, best_frame(problem))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """The kernels of ``fft``, once for each tile of each group."""
        p, real, frame = problem, np.dtype(problem.dtype).type, best_frame(problem)
        span, (of_y, of_x), shapes = span_of(p), kept(p, frame), self._shapes(p)
        (SH, SW), (top, _, left, _), one = p.stride, p.padding, in_frame(p, frame)
        tables, scale, (C, O) = tables_of(one), real(1 / prod(frame)), (one.in_channels, one.out_channels)
        groups = [(slice(g * C, g * C + C), slice(g * O, g * O + O)) for g in range(p.groups)]
        keep_y = (real(-1), (0, 0), p.stride, scale, tables)
        keep_x = (real(1), (span[0] - 1, span[1] - 1), (1, 1), scale, tables)
        zeros = np.zeros(C, p.dtype)

        def split(scratch):
            first, views = 0, []
            for shape in shapes:
                views.append(scratch[first : first + prod(shape)].reshape(shape))
                first += views[-1].size
            return views

        def forward(x, w, b, y, scratch):
            window, z, v, product, plane, tile = split(scratch)
            for c, o in groups:
                weight_spectra(w[o], v, plane, p.dilation, tables)
                for i, j in tiles(p.y_shape, of_y):  # equation (31)
                    cut(x[c], window[:C], (i * SH - top, j * SW - left), (1, 1))
                    spectra(window[:C], z[:C], plane, (0, 0), (1, 1), tables)
                    part = tile[: O * prod(of_y)].reshape(O, *of_y, LANES)
                    planes(z[:C], v, (product, plane), part, b[o], keep_y)
                    paste(part, y[o], (i, j))

        def grad_input(dy, w, dx, scratch):
            window, z, v, product, plane, tile = split(scratch)
            for c, o in groups:
                weight_spectra(np.ascontiguousarray(w[o].transpose(1, 0, 2, 3)), v, plane, p.dilation, tables)
                for r, q in tiles(p.x_shape, of_x):  # equation (32)
                    cut(dy[o], window[:O], (r + top - span[0] + 1, q + left - span[1] + 1), p.stride)
                    spectra(window[:O], z[:O], plane, (0, 0), (1, 1), tables)
                    part = tile[: C * prod(of_x)].reshape(C, *of_x, LANES)
                    planes(z[:O], v, (product, plane), part, zeros, keep_x)
                    paste(part, dx[c], (r, q))

        def grad_weight(x, dy, dw, db, scratch):
            window, z, v, product, plane, tile = split(scratch)
            for c, o in groups:
                v[:] = 0
                for i, j in tiles(p.y_shape, of_y):
                    cut(x[c], window[:C], (i * SH - top, j * SW - left), (1, 1))
                    spectra(window[:C], z[:C], plane, (0, 0), (1, 1), tables)
                    part = tile[: O * prod(of_y)].reshape(O, *of_y, LANES)
                    cut(dy[o], part, (i, j), (1, 1))
                    add_weight_products(z[:C], part, (product, plane), v, p.stride, tables)
                weights_from_spectra(v, dw[o], plane, p.dilation, scale, tables)
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)

    def _shapes(self, problem: Conv2dProblem) -> tuple[tuple[int, ...], ...]:
        frame = best_frame(problem)
        one, (of_y, of_x) = in_frame(problem, frame), kept(problem, frame)
        C, O, most = one.in_channels, one.out_channels, max(one.in_channels, one.out_channels)
        spectrum, blocks = spectrum_shape(frame), ceil(C * O / LANES)
        tile = max(O * prod(of_y), C * prod(of_x))
        own = (most, *spectrum), (blocks, *spectrum), spectrum, plane_shape(frame)
        return (most, *frame, LANES), *own, (tile, LANES)
