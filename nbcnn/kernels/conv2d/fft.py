"""Cross-correlation as a product of spectra: equations (20) to (24) of docs/math.md.

Images and weights are laid into frames of FH x FW pixels, powers of two not smaller than the padded image, so that
nothing wraps around into the pixels that are kept. Each plane goes through transforms of its own (_fourier.py): what
is rounded there is small beside the largest number of the same image, channel and kernel, whatever is in the others,
and NaN goes no farther than the formula takes it, but for filling its plane. For weights, the 16 lanes hold 16 kernels.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, SimpleBackend, WeightedKernels
from nbcnn.kernels.conv2d._fourier import (
    fft_cost,
    fft_tolerance,
    frame_size,
    inverse,
    plane_shape,
    spectrum_shape,
    tables_of,
    transform,
)
from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost
from nbcnn.kernels.registry import register
from nbcnn.lanes import fma, lane_sum, load, splat, store
from nbcnn.lanes.block_sums import block_length


@kernel
def lay(x, frame, corner, step):
    """x (H, W) into the zeroed frame (FH, FW) from ``corner`` on, ``step`` rows and columns apart."""
    frame[:] = 0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            store(frame, (corner[0] + i * step[0], corner[1] + j * step[1]), load(x, (i, j)))


@kernel
def spectra(x, z, plane, corner, step, tables):
    """The spectra z (C, 2, FH, FW/2 + 1) of real planes x (C, H, W), each in a transform of its own."""
    for c in range(x.shape[0]):
        lay(x[c], rows_of(plane), corner, step)
        transform(plane, z[c], tables)


@kernel
def rows_of(plane):
    """A plane (2, FH/2, FW) as one of FH rows."""
    return plane.reshape((2 * plane.shape[1], plane.shape[2], LANES))


@kernel
def weight_spectra(w, z, plane, dilation, tables):
    """Spectra of kernels w (O, C, KH, KW), whose taps lie ``dilation`` rows and columns apart.

    That of kernel number o·C + c is lane number % 16 of z[number // 16].
    """
    O, C, KH, KW = w.shape
    rows = rows_of(plane)
    for block in range(z.shape[0]):
        plane[:] = 0
        for l in range(min(LANES, O * C - block * LANES)):
            o, c = divmod(block * LANES + l, C)
            for a in range(KH):
                for k in range(KW):
                    rows[a * dilation[0], k * dilation[1], l] = w[o, c, a, k]
        transform(plane, z[block], tables)


@kernel
def multiply(z, v, o, product, conjugate):
    """product (2, FH, FW/2 + 1) = sum over c of spectrum z[c] times weight spectrum o·C + c (conjugated): (20)."""
    C, _, FH, HW = z.shape[:4]
    length, zero = block_length(C), splat(z.dtype.type(0))
    for p in range(FH):
        for q in range(HW):
            sr = si = real = imaginary = zero
            for first in range(0, C, length):  # a block of channels, see block_sums.py; most often there is one
                for c in range(first, min(first + length, C)):
                    block, l = divmod(o * C + c, LANES)
                    wr, wi = v[block, 0, p, q, l], conjugate * v[block, 1, p, q, l]
                    zr, zi = load(z, (c, 0, p, q)), load(z, (c, 1, p, q))
                    sr += zr * wr
                    sr -= zi * wi
                    si += zr * wi
                    si += zi * wr
                real, imaginary, sr, si = real + sr, imaginary + si, zero, zero
            store(product, (0, p, q), real)
            store(product, (1, p, q), imaginary)


@kernel
def take(plane, y, corner, step, scale, bias):
    """Every step-th pixel of a plane (FH, FW) from ``corner`` on, times ``scale``, plus ``bias``, to y (H, W)."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            store(y, (i, j), load(plane, (corner[0] + i * step[0], corner[1] + j * step[1])) * scale + bias)


@kernel
def planes(z, v, scratch, y, b, how):
    """y (O, H, W) from products of spectra z (C, 2, FH, FW/2 + 1) and weight spectra v, each by an inverse of its own.

    scratch: a product of spectra, a plane. how: conjugate (-1 or 1), the corner and step of the pixels to keep,
    1 / (FH FW), tables.
    """
    (product, plane), (conjugate, corner, step, scale, tables) = scratch, how
    for o in range(y.shape[0]):
        multiply(z, v, o, product, conjugate)
        inverse(product, plane, tables)
        take(rows_of(plane), y[o], corner, step, scale, b[o])


@kernel
def add_weight_products(z, dy, scratch, v, stride, tables):
    """Add to v, laid out as weight_spectra's, the spectra of dw, summed over the 16 images: equation (24)."""
    product, plane = scratch
    C, _, FH, HW = z.shape[:4]
    for o in range(dy.shape[0]):
        lay(dy[o], rows_of(plane), (0, 0), stride)
        transform(plane, product, tables)
        for c in range(C):
            block, l = divmod(o * C + c, LANES)
            for p in range(FH):
                for q in range(HW):
                    zr, zi = load(z, (c, 0, p, q)), load(z, (c, 1, p, q))
                    dr, di = load(product, (0, p, q)), load(product, (1, p, q))
                    v[block, 0, p, q, l] += lane_sum(fma(zr, dr, zi * di))
                    v[block, 1, p, q, l] += lane_sum(fma(zi, dr, -(zr * di)))


@kernel
def weights_from_spectra(v, dw, plane, dilation, scale, tables):
    """dw (O, C, KH, KW) from its spectra v, laid out as weight_spectra's."""
    O, C, KH, KW = dw.shape
    rows = rows_of(plane)
    for block in range(v.shape[0]):
        inverse(v[block], plane, tables)
        for l in range(min(LANES, O * C - block * LANES)):
            o, c = divmod(block * LANES + l, C)
            for a in range(KH):
                for k in range(KW):
                    dw[o, c, a, k] = rows[a * dilation[0], k * dilation[1], l] * scale


@register("conv2d")
class FFT(SimpleBackend):
    """product of spectra (radix-2 FFT); kernel size is free"""

    def workspace(self, problem: Conv2dProblem) -> int:
        """Spectra of all planes of x or dy and of a group's kernels, one product of spectra, one plane."""
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

        def split(scratch):
            first, views = 0, []
            for shape in shapes:
                views.append(scratch[first : first + prod(shape)].reshape(shape))
                first += views[-1].size
            return views

        def forward(x, w, b, y, scratch):
            z, v, product, plane = split(scratch)
            spectra(x, z[:C], plane, corner, (1, 1), tables)
            for c, o in groups:
                weight_spectra(w[o], v, plane, dilation, tables)
                planes(z[c], v, (product, plane), y[o], b[o], keep_y)

        def grad_input(dy, w, dx, scratch):
            z, v, product, plane = split(scratch)
            # Equation (23): dy with the stride's zeros between its pixels.
            spectra(dy, z[:O], plane, (0, 0), stride, tables)
            for c, o in groups:
                weight_spectra(np.ascontiguousarray(w[o].transpose(1, 0, 2, 3)), v, plane, dilation, tables)
                planes(z[o], v, (product, plane), dx[c], zeros, keep_x)

        def grad_weight(x, dy, dw, db, scratch):
            z, v, product, plane = split(scratch)
            spectra(x, z[:C], plane, corner, (1, 1), tables)
            for c, o in groups:
                v[:] = 0
                add_weight_products(z[c], dy[o], (product, plane), v, stride, tables)
                weights_from_spectra(v, dw[o], plane, dilation, scale, tables)
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)

    def _shapes(self, problem: Conv2dProblem) -> tuple[tuple[int, ...], ...]:
        """Of the planes' spectra, a group's kernels' spectra (16 kernels a block), a product, a plane."""
        C, O, frame = problem.in_channels, problem.out_channels, frame_size(problem)
        blocks = -(-(C // problem.groups) * (O // problem.groups) // LANES)
        spectrum = spectrum_shape(frame)
        return (max(C, O), *spectrum), (blocks, *spectrum), spectrum, plane_shape(frame)
