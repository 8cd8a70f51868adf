"""The same number as one of a product of spectra: equations (20) and (24), by the kernels of ``fft`` themselves."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from nbcnn.introspect.trace.backends import lane
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d import fft
from nbcnn.kernels.conv2d._fourier import frame_size, plane_shape, spectrum_shape, tables_of, transform_macs
from nbcnn.kernels.conv2d.problem import Conv2dProblem


class SpectralForm(NamedTuple):
    """Spectra (FH, FW/2 + 1) of a frame of FH × FW pixels; the other half of each mirrors this one.

    ``x`` is that of the first channel that takes part, ``factor`` that of its kernel (of a gradient: of dy), and
    ``product`` that of x times the conjugate of the other, summed over channels. Its inverse transform is the whole
    plane at once; ``value`` is that at row and column ``place``, plus the bias. ``macs`` are the multiply-adds of this
    plane alone: transforms of ``channels`` planes of x and of as many kernels (of a gradient: of dy), products, and one
    inverse.
    """

    frame: tuple[int, int]
    channels: int
    x: np.ndarray
    factor: np.ndarray
    product: np.ndarray
    place: tuple[int, int]
    value: float
    macs: int


def of_pixel(
    problem: Conv2dProblem, x: np.ndarray, w: np.ndarray, b: np.ndarray, pixel: tuple[int, int, int]
) -> SpectralForm:
    """x (C, H, W), w (O, C/G, KH, KW), b (O,): the plane of an output channel, and the pixel in it."""
    p, (o, i, j), dtype = problem, pixel, x.dtype
    channels, frame, tables = p.in_channels // p.groups, frame_size(p), tables_of(p)
    first = o // (p.out_channels // p.groups) * channels
    plane, product = np.zeros(plane_shape(frame), dtype), np.zeros(spectrum_shape(frame), dtype)
    z = np.zeros((channels, *spectrum_shape(frame)), dtype)
    v = np.zeros((-(-channels // LANES), *spectrum_shape(frame)), dtype)
    fft.spectra(lane(x[first : first + channels]), z, plane, p.padding[::2], (1, 1), tables)
    fft.weight_spectra(w[o : o + 1], v, plane, p.dilation, tables)
    fft.multiply(z, v, 0, product, dtype.type(-1))
    shown = _complex(z[0], 0), _complex(v[0], 0), _complex(product, 0)
    y, scale = np.zeros((1, *p.y_shape[1:], LANES), dtype), dtype.type(1 / prod(frame))
    how = (dtype.type(-1), (0, 0), p.stride, scale, tables)
    fft.planes(z, v, (product, plane), y, b[o : o + 1], how)
    place = i * p.stride[0], j * p.stride[1]
    return SpectralForm(frame, channels, *shown, place, float(y[0, i, j, 0]), _macs(frame, channels))


def of_weight(problem: Conv2dProblem, x: np.ndarray, dy: np.ndarray, weight: tuple[int, int, int, int]) -> SpectralForm:
    """x (C, H, W), dy (O, OH, OW): the plane of the gradients of one kernel, and the weight in it."""
    p, (o, c, a, k), dtype = problem, weight, x.dtype
    frame, tables = frame_size(p), tables_of(p)
    first = o // (p.out_channels // p.groups) * (p.in_channels // p.groups) + c
    plane, other = np.zeros(plane_shape(frame), dtype), np.zeros(spectrum_shape(frame), dtype)
    z, v = np.zeros((1, *spectrum_shape(frame)), dtype), np.zeros((1, *spectrum_shape(frame)), dtype)
    fft.spectra(lane(x[first : first + 1]), z, plane, p.padding[::2], (1, 1), tables)
    gradient = lane(dy[o : o + 1])
    fft.add_weight_products(z, gradient, (other, plane), v, p.stride, tables)
    shown = _complex(z[0], 0), _complex(other, 0), _complex(v[0], 0)
    dw, scale = np.zeros((1, 1, *p.kernel_size), dtype), dtype.type(1 / prod(frame))
    fft.weights_from_spectra(v, dw, plane, p.dilation, scale, tables)
    place = a * p.dilation[0], k * p.dilation[1]
    return SpectralForm(frame, 1, *shown, place, float(dw[0, 0, a, k]), _macs(frame, 1))


def _macs(frame: tuple[int, int], channels: int) -> int:
    numbers = frame[0] * (frame[1] // 2 + 1)
    return (2 * channels + 1) * transform_macs(frame) + 4 * channels * numbers


def _complex(z: np.ndarray, image: int) -> np.ndarray:
    """A spectrum (2, FH, FW/2 + 1, 16) of one lane as complex numbers, its rows from bit-reversed to natural order."""
    rows = z.shape[1]
    bits = rows.bit_length() - 1
    order = [int(format(n, f"0{bits}b")[::-1], 2) if bits else 0 for n in range(rows)]
    found: np.ndarray = z[0, order, :, image] + 1j * z[1, order, :, image]
    return found
