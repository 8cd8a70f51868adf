"""A radix-2 fast Fourier transform of real frames with power-of-two sides, on lanes.

A frame goes through it alone, at half the cost of a complex one, so that no frame adds to the rounding of another. It
leaves frequencies in bit-reversed order, which products do not mind and the inverse undoes.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost, Work
from nbcnn.lanes import fma, load, splat, store


@kernel
def butterflies(re, im, cos, sin, inverse):
    """FFT along the second axis of re, im (A, N, B), in place; forward: natural to bit-reversed order, inverse: back.

    cos, sin (N / 2,): of 2 pi k / N. The inverse is not divided by N.
    """
    A, N, B = re.shape[:3]
    half = 1 if inverse else N // 2
    while 1 <= half < N:
        for k in range(half):
            wr, wi = cos[k * (N // (2 * half))], sin[k * (N // (2 * half))]
            for p in range(A):
                for u in range(k, N, 2 * half):
                    for q in range(B):
                        ar, ai = load(re, (p, u, q)), load(im, (p, u, q))
                        br, bi = load(re, (p, u + half, q)), load(im, (p, u + half, q))
                        if inverse:
                            br, bi = fma(br, wr, -(bi * wi)), fma(br, wi, bi * wr)
                            dr, di = ar - br, ai - bi
                        else:
                            er, ei = ar - br, ai - bi
                            dr, di = fma(er, wr, ei * wi), fma(ei, wr, -(er * wi))
                        store(re, (p, u, q), ar + br)
                        store(im, (p, u, q), ai + bi)
                        store(re, (p, u + half, q), dr)
                        store(im, (p, u + half, q), di)
        half = half * 2 if inverse else half // 2


@kernel
def transform(plane, z, tables):
    """The spectrum z (2, FH, FW/2 + 1) of a real plane (2, FH/2, FW): equation (21). The plane is overwritten.

    Its upper rows are the real part and its lower rows the imaginary part of what goes through the row transforms, so
    that nothing of another plane takes part. Frequencies that only mirror others are left out.
    """
    M, FW = plane.shape[1:3]
    FH, HW = z.shape[1:3]
    row_cos, row_sin, column_cos, column_sin, own, mirror = tables
    each_row, each_column = (M, FW, 1, LANES), (1, FH, HW, LANES)
    butterflies(plane[0].reshape(each_row), plane[1].reshape(each_row), column_cos, column_sin, False)
    for u in range(M):
        for h in range(HW):
            ar, ai = load(plane, (0, u, own[h])), load(plane, (1, u, own[h]))
            br, bi = load(plane, (0, u, mirror[h])), load(plane, (1, u, mirror[h]))
            store(z, (0, u, h), (ar + br) / 2)
            store(z, (1, u, h), (ai - bi) / 2)
            if u + M < FH:
                store(z, (0, u + M, h), (ai + bi) / 2)
                store(z, (1, u + M, h), (br - ar) / 2)
    butterflies(z[0].reshape(each_column), z[1].reshape(each_column), row_cos, row_sin, False)


@kernel
def inverse(z, plane, tables):
    """The reverse of ``transform``, times FH·FW: equation (22). The spectrum is overwritten."""
    M, FW = plane.shape[1:3]
    FH, HW = z.shape[1:3]
    row_cos, row_sin, column_cos, column_sin, own, mirror = tables
    each_row, each_column = (M, FW, 1, LANES), (1, FH, HW, LANES)
    butterflies(z[0].reshape(each_column), z[1].reshape(each_column), row_cos, row_sin, True)
    for u in range(M):
        for h in range(HW):
            q, m = own[h], mirror[h]
            ur, ui = load(z, (0, u, h)), load(z, (1, u, h))
            vr = vi = splat(z.dtype.type(0))
            if u + M < FH:
                vr, vi = load(z, (0, u + M, h)), load(z, (1, u + M, h))
            if q == m:  # a number that is its own mirror is real
                store(plane, (0, u, q), ur)
                store(plane, (1, u, q), vr)
            else:
                store(plane, (0, u, q), ur - vi)
                store(plane, (1, u, q), ui + vr)
                store(plane, (0, u, m), ur + vi)
                store(plane, (1, u, m), vr - ui)
    butterflies(plane[0].reshape(each_row), plane[1].reshape(each_row), column_cos, column_sin, True)


def frame_size(problem: Conv2dProblem) -> tuple[int, int]:
    """(FH, FW): the powers of two that hold the padded image."""
    top, bottom, left, right = problem.padding
    rows, columns = problem.height + top + bottom, problem.width + left + right
    return 1 << (rows - 1).bit_length(), 1 << (columns - 1).bit_length()


def spectrum_shape(frame: tuple[int, int]) -> tuple[int, ...]:
    """Of a frame's spectrum: real and imaginary part, FH rows, FW/2 + 1 columns, lanes."""
    return 2, frame[0], frame[1] // 2 + 1, LANES


def plane_shape(frame: tuple[int, int]) -> tuple[int, ...]:
    """Of a frame's pixels: its upper and its lower rows."""
    return 2, max(frame[0] // 2, 1), frame[1], LANES


def tables_of(problem: Conv2dProblem) -> tuple[np.ndarray, ...]:
    """Cosines and sines for rows and for columns; where in a row the kept frequencies and their mirrors lie."""
    circle = []
    for n in frame_size(problem):
        angles = 2 * np.pi * np.arange(max(n // 2, 1)) / n
        circle += [np.cos(angles).astype(problem.dtype), np.sin(angles).astype(problem.dtype)]
    n = frame_size(problem)[1]
    frequencies = np.arange(n // 2 + 1) % n
    return (*circle, _reversed_bits(frequencies, n), _reversed_bits(-frequencies % n, n))


def _reversed_bits(numbers: np.ndarray, n: int) -> np.ndarray:
    """Below n, a power of two: 0b0011 becomes 0b1100 for n = 16."""
    found = np.zeros_like(numbers)
    for bit in range(n.bit_length() - 1):
        found = 2 * found + (numbers >> bit & 1)
    return found


def fft_tolerance(problem: Conv2dProblem) -> float:
    """A bound of the float32 error, as a share of the largest sum of absolute products in the same plane.

    A transform of N numbers spreads rounding over the whole frame: the error of any pixel is below about
    eps · log2(N) · |x| |w|, with lengths of whole planes. Where the numbers of a plane are alike in size, these lengths
    are at most √(N / taps) times what the pixel itself sums; a stride leaves it 1 / (SH·SW) of the taps in grad_input.
    """
    N, taps = prod(frame_size(problem)), prod(problem.kernel_size)
    return float(2**-23 * max(1.0, np.log2(N)) * np.sqrt(N / taps) * prod(problem.stride))


def transform_macs(frame: tuple[int, int]) -> int:
    """Multiplications of a frame's transform: 4 a butterfly; half of the rows, FW/2 + 1 columns."""
    (FH, FW), steps = frame, [n.bit_length() - 1 for n in frame]
    return 2 * (max(FH // 2, 1) * FW * steps[1] + (FW // 2 + 1) * FH * steps[0])


def fft_cost(problem: Conv2dProblem) -> Cost:
    """Transforms of all planes and kernels, and per product of spectra 4 multiplications for each of their numbers."""
    frame = frame_size(problem)
    C, O, G = problem.in_channels, problem.out_channels, problem.groups
    transform, plane, N = transform_macs(frame), prod(frame), frame[0] * (frame[1] // 2 + 1)
    kernels, each = C // G * O, plane + 2 * N
    """pairs of channels; what a transform reads and writes at the least"""

    def work(given: int, wanted: int) -> Work:
        """``given`` and ``wanted`` planes; transforms of kernels, 16 at once, serve all images."""
        macs = LANES * ((given + wanted) * transform + kernels * 4 * N) + kernels * transform
        return Work(macs, LANES * ((given + wanted) * each + kernels * 2 * N) + 2 * N * kernels + each * kernels)

    gradient = LANES * ((C + O) * transform + kernels * 4 * N) + kernels * transform
    numbers = LANES * ((C + O) * each + kernels * 2 * N) + 4 * N * kernels + each * kernels
    return Cost(work(C, O), work(O, C), Work(gradient, numbers))
