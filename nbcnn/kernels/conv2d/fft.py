"""Cross-correlation as a product of spectra: equations (20) to (24) of docs/math.md.

Images and weights are laid into frames of FH x FW pixels, powers of two not smaller than the padded image, so that
nothing wraps around into the pixels that are kept. Two real planes go through one complex transform (_fourier.py), as
its real and imaginary part. For weights, the 16 lanes hold 16 kernels.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.kernels.contract import LANES, Conv2dProblem, SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d._fourier import fft_cost, fft_tolerance, frame_size, tables_of, transform
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.cost import Cost
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store
from nbcnn.kernels.registry import register
from nbcnn.kernels.sums import block_length


@kernel
def lay(x, frame, corner, step):
    """x (H, W) into the zeroed frame (FH, FW) from ``corner`` on, ``step`` rows and columns apart."""
    frame[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            store(frame, (corner[0] + i * step[0], corner[1] + j * step[1]), load(x, (i, j)))


@kernel
def spectra(x, z, corner, step, tables):
    """The spectra z (C, 2, FH, FW) of real planes x (C, H, W), two planes a transform: equation (21)."""
    C, _, FH, FW = z.shape[:4]
    row_mirror, column_mirror = tables[4], tables[5]
    for c in range(0, C, 2):
        pair = z[c]
        lay(x[c], pair[0], corner, step)
        if c + 1 < C:
            lay(x[c + 1], pair[1], corner, step)
        else:
            pair[1][:] = 0
        transform(pair, tables, False)
        if c + 1 < C:
            for p in range(FH):
                for q in range(FW):
                    m, n = row_mirror[p], column_mirror[q]
                    if p * FW + q <= m * FW + n:
                        ar, ai = load(z, (c, 0, p, q)), load(z, (c, 1, p, q))
                        br, bi = load(z, (c, 0, m, n)), load(z, (c, 1, m, n))
                        ur, ui, vr, vi = (ar + br) / 2, (ai - bi) / 2, (ai + bi) / 2, (br - ar) / 2
                        store(z, (c, 0, p, q), ur)
                        store(z, (c, 1, p, q), ui)
                        store(z, (c, 0, m, n), ur)
                        store(z, (c, 1, m, n), -ui)
                        store(z, (c + 1, 0, p, q), vr)
                        store(z, (c + 1, 1, p, q), vi)
                        store(z, (c + 1, 0, m, n), vr)
                        store(z, (c + 1, 1, m, n), -vi)


@kernel
def weight_spectra(w, z, sign, dilation, tables):
    """Spectra of w[2g, c] + sign · i · w[2g + 1, c] for kernels w (O, C, KH, KW): equations (22) and (23).

    Taps lie ``dilation`` rows and columns apart. Spectrum number g·C + c is lane number % 16 of z[number // 16].
    """
    O, C, KH, KW = w.shape
    z[:] = 0
    for number in range((O + 1) // 2 * C):
        g, c = divmod(number, C)
        block, l = divmod(number, LANES)
        for a in range(KH):
            for k in range(KW):
                r, q = a * dilation[0], k * dilation[1]
                z[block, 0, r, q, l] = w[2 * g, c, a, k]
                if 2 * g + 1 < O:
                    z[block, 1, r, q, l] = sign * w[2 * g + 1, c, a, k]
    for block in range(z.shape[0]):
        transform(z[block], tables, False)


@kernel
def multiply(z, v, g, pair, conjugate):
    """pair (2, FH, FW) = sum over c of spectrum z[c] times weight spectrum g·C + c (conjugated): equation (20)."""
    C, _, FH, FW = z.shape[:4]
    length, zero = block_length(C), splat(z.dtype.type(0))
    for p in range(FH):
        for q in range(FW):
            sr = si = real = imaginary = zero
            for first in range(0, C, length):  # a block of channels, see sums.py; most often there is one
                for c in range(first, min(first + length, C)):
                    block, l = divmod(g * C + c, LANES)
                    wr, wi = v[block, 0, p, q, l], conjugate * v[block, 1, p, q, l]
                    zr, zi = load(z, (c, 0, p, q)), load(z, (c, 1, p, q))
                    sr += zr * wr
                    sr -= zi * wi
                    si += zr * wi
                    si += zi * wr
                real, imaginary, sr, si = real + sr, imaginary + si, zero, zero
            store(pair, (0, p, q), real)
            store(pair, (1, p, q), imaginary)


@kernel
def take(plane, y, corner, step, scale, bias):
    """Every step-th pixel of a plane (FH, FW) from ``corner`` on, times ``scale``, plus ``bias``, to y (H, W)."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            store(y, (i, j), load(plane, (corner[0] + i * step[0], corner[1] + j * step[1])) * scale + bias)


@kernel
def planes(z, v, pair, y, b, how):
    """y (O, H, W) from products of spectra z (C, 2, FH, FW) and weight spectra v: equations (22) and (23).

    One inverse transform gives two planes, as its real and imaginary part. how: conjugate (-1 or 1), the corner and
    step of the pixels to keep, 1 / (FH FW), tables.
    """
    conjugate, corner, step, scale, tables = how
    O = y.shape[0]
    for g in range((O + 1) // 2):
        multiply(z, v, g, pair, conjugate)
        transform(pair, tables, True)
        take(pair[0], y[2 * g], corner, step, scale, b[2 * g])
        if 2 * g + 1 < O:
            take(pair[1], y[2 * g + 1], corner, step, scale, b[2 * g + 1])


@kernel
def add_weight_products(z, dy, pair, v, stride, tables):
    """Add to v, laid out as weight_spectra's, the spectra of dw, summed over the 16 images: equation (24)."""
    C, _, FH, FW = z.shape[:4]
    O = dy.shape[0]
    for g in range((O + 1) // 2):
        lay(dy[2 * g], pair[0], (0, 0), stride)
        if 2 * g + 1 < O:
            lay(dy[2 * g + 1], pair[1], (0, 0), stride)
        else:
            pair[1][:] = 0
        transform(pair, tables, False)
        for c in range(C):
            block, l = divmod(g * C + c, LANES)
            for p in range(FH):
                for q in range(FW):
                    zr, zi = load(z, (c, 0, p, q)), load(z, (c, 1, p, q))
                    dr, di = load(pair, (0, p, q)), load(pair, (1, p, q))
                    v[block, 0, p, q, l] += lane_sum(zr * dr + zi * di)
                    v[block, 1, p, q, l] += lane_sum(zi * dr - zr * di)


@kernel
def weights_from_spectra(v, dw, dilation, scale, tables):
    """dw (O, C, KH, KW) from its spectra v: kernels 2g are real parts, 2g + 1 imaginary ones, negated."""
    for block in range(v.shape[0]):
        transform(v[block], tables, True)
    O, C, KH, KW = dw.shape
    for number in range((O + 1) // 2 * C):
        g, c = divmod(number, C)
        block, l = divmod(number, LANES)
        for a in range(KH):
            for k in range(KW):
                r, q = a * dilation[0], k * dilation[1]
                dw[2 * g, c, a, k] = v[block, 0, r, q, l] * scale
                if 2 * g + 1 < O:
                    dw[2 * g + 1, c, a, k] = -v[block, 1, r, q, l] * scale


@register("conv2d")
class FFT(SimpleBackend):
    """product of spectra (radix-2 FFT); kernel size is free"""

    def workspace(self, problem: Conv2dProblem) -> int:
        """Spectra of all planes of x or dy, of a group's kernels, and of one pair of planes."""
        return sum(prod(shape) for shape in self._shapes(problem))

    def tolerance(self, problem: Conv2dProblem) -> float:
        """What the transforms' rounding may add up to."""
        return fft_tolerance(problem)

    def cost(self, problem: Conv2dProblem) -> Cost:
        """Transforms and complex products, whatever the kernel's size."""
        return fft_cost(problem)

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Transforms around a product; a group of channels is a convolution of its own."""
        p, real = problem, np.dtype(problem.dtype).type
        tables, stride, dilation, corner = tables_of(p), p.stride, p.dilation, p.padding[::2]
        scale, shapes = real(1 / prod(frame_size(p))), self._shapes(p)
        C, O, G = p.in_channels, p.out_channels, p.groups
        groups = [(slice(g * C // G, (g + 1) * C // G), slice(g * O // G, (g + 1) * O // G)) for g in range(G)]
        keep_y = (real(-1), (0, 0), stride, scale, tables)
        keep_x = (real(1), corner, (1, 1), scale, tables)
        zeros = np.zeros(C // G, p.dtype)

        def split(work):
            first, views = 0, []
            for shape in shapes:
                views.append(work[first : first + prod(shape)].reshape(shape))
                first += views[-1].size
            return views

        def forward(x, w, b, y, work):
            z, v, pair = split(work)
            spectra(x, z[:C], corner, (1, 1), tables)
            for c, o in groups:
                weight_spectra(w[o], v, real(-1), dilation, tables)
                planes(z[c], v, pair, y[o], b[o], keep_y)

        def grad_input(dy, w, dx, work):
            z, v, pair = split(work)
            spectra(dy, z[:O], (0, 0), stride, tables)  # equation (23): dy with the stride's zeros between its pixels
            for c, o in groups:
                weight_spectra(np.ascontiguousarray(w[o].transpose(1, 0, 2, 3)), v, real(1), dilation, tables)
                planes(z[o], v, pair, dx[c], zeros, keep_x)

        def grad_weight(x, dy, dw, db, work):
            z, v, pair = split(work)
            spectra(x, z[:C], corner, (1, 1), tables)
            for c, o in groups:
                v[:] = 0
                add_weight_products(z[c], dy[o], pair, v, stride, tables)
                weights_from_spectra(v, dw[o], dilation, scale, tables)
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)

    def _shapes(self, problem: Conv2dProblem) -> tuple[tuple[int, ...], ...]:
        """Of the planes' spectra, a group's kernels' spectra (16 kernels a block), one pair."""
        C, O, frame = problem.in_channels, problem.out_channels, (2, *frame_size(problem), LANES)
        CG, OG = C // problem.groups, O // problem.groups
        pairs = max((OG + 1) // 2 * CG, (CG + 1) // 2 * OG)
        return (max(C, O), *frame), (-(-pairs // LANES), *frame), frame
