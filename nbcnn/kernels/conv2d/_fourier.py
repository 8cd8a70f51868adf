"""A radix-2 fast Fourier transform of frames whose sides are powers of two, with butterflies that run on lanes.

It leaves frequencies in bit-reversed order, which products do not mind and the inverse undoes.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.kernels.contract import LANES, Conv2dProblem
from nbcnn.kernels.cost import Cost, Work
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, store


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
                            br, bi = br * wr - bi * wi, br * wi + bi * wr
                            dr, di = ar - br, ai - bi
                        else:
                            er, ei = ar - br, ai - bi
                            dr, di = er * wr + ei * wi, ei * wr - er * wi
                        store(re, (p, u, q), ar + br)
                        store(im, (p, u, q), ai + bi)
                        store(re, (p, u + half, q), dr)
                        store(im, (p, u + half, q), di)
        half = half * 2 if inverse else half // 2


@kernel
def transform(z, tables, inverse):
    """FFT of z (2, FH, FW), real and imaginary part, along both axes."""
    FH, FW = z.shape[1:3]
    row_cos, row_sin, column_cos, column_sin = tables[:4]
    along_rows, along_columns = (FH, FW, 1, LANES), (1, FH, FW, LANES)
    butterflies(z[0].reshape(along_rows), z[1].reshape(along_rows), column_cos, column_sin, inverse)
    butterflies(z[0].reshape(along_columns), z[1].reshape(along_columns), row_cos, row_sin, inverse)


def frame_size(problem: Conv2dProblem) -> tuple[int, int]:
    """(FH, FW): the powers of two that hold the padded image."""
    top, bottom, left, right = problem.padding
    rows, columns = problem.height + top + bottom, problem.width + left + right
    return 1 << (rows - 1).bit_length(), 1 << (columns - 1).bit_length()


def tables_of(problem: Conv2dProblem) -> tuple[np.ndarray, ...]:
    """Cosines and sines for rows and for columns, and for both where frequency -f lies in bit-reversed order."""
    rows, mirrors = [], []
    for n in frame_size(problem):
        angles = 2 * np.pi * np.arange(max(n // 2, 1)) / n
        rows += [np.cos(angles).astype(problem.dtype), np.sin(angles).astype(problem.dtype)]
        frequency = np.array([int(f"{p:0{n.bit_length() - 1}b}"[::-1], 2) if n > 1 else 0 for p in range(n)])
        mirrors.append(frequency[-frequency % n])
    return (*rows, *mirrors)


def fft_tolerance(problem: Conv2dProblem) -> float:
    """A bound of the float32 error, as a share of the largest sum of absolute products.

    A transform of N numbers spreads rounding over the whole frame: the error of any pixel is below about
    eps · log2(N) · |x| |w|, with lengths of whole planes. Where the numbers of a plane are alike in size, these lengths
    are at most √(N / taps) times what the pixel itself sums; a stride leaves it 1 / (SH·SW) of the taps in grad_input.
    """
    N, taps = prod(frame_size(problem)), prod(problem.kernel_size)
    return float(2**-23 * max(1.0, np.log2(N)) * np.sqrt(N / taps) * prod(problem.stride))


def fft_cost(problem: Conv2dProblem) -> Cost:
    """Per transform of N pixels N/2·log2(N) butterflies, each 4 multiplications; per product of spectra 4 a pixel."""
    N = prod(frame_size(problem))
    C, O, G = problem.in_channels, problem.out_channels, problem.groups
    transform = 2 * N * max(1, N.bit_length() - 1)
    half = lambda n: (n + 1) // 2  # noqa: E731

    def work(given: int, wanted: int, kernels: int) -> Work:
        """``given`` and ``wanted`` planes; transforms of ``kernels`` pairs, 16 at once, serve all images."""
        products = G * half(wanted // G) * (given // G)
        images = LANES * (half(given) * transform + products * 4 * N + G * half(wanted // G) * transform)
        numbers = LANES * 2 * N * (2 * given + 2 * products + 2 * G * half(wanted // G)) + 4 * N * kernels
        return Work(images + kernels * transform, numbers)

    forward = work(C, O, G * half(O // G) * (C // G))
    grad_input = work(O, C, G * half(C // G) * (O // G))
    products = G * half(O // G) * (C // G)
    gradient = LANES * ((half(C) + G * half(O // G)) * transform + products * 4 * N) + products * transform
    numbers = LANES * 2 * N * (2 * C + 2 * G * half(O // G) + 2 * products) + 4 * N * products
    return Cost(forward, grad_input, Work(gradient, numbers))
