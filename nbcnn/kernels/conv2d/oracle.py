"""Convolution in NumPy and its gradients: equations (1) to (5) of docs/math.md, as einsums over views."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nbcnn.kernels.oracle import NO_PADDING, Array, Numbers, Pair, Sides, float64


def conv2d(
    x: Numbers,
    w: Numbers,
    b: Numbers,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """x (N, C, H, W), w (O, C/G, KH, KW), b (O,) -> y (N, O, OH, OW).

    Equation (1), cross-correlation on padded x: y[o, i, j] is b[o] plus the sum over c, a, k of
    x[c, i·SH + a·DH, j·SW + k·DW] w[o, c, a, k]. Equation (2), how many windows fit: OH is
    floor((H + top + bottom - DH·(KH - 1) - 1) / SH) + 1.
    """
    w = float64(w)
    windows = _windows(x, w.shape[2:], stride, padding, dilation)
    N, C, OH, OW = windows.shape[:4]
    windows = windows.reshape(N, groups, C // groups, OH, OW, *w.shape[2:])
    y: Array = np.einsum("ngcijab,gocab->ngoij", windows, w.reshape(groups, -1, *w.shape[1:]))
    return y.reshape(N, -1, OH, OW) + float64(b)[:, None, None]


def conv2d_grad_input(
    dy: Numbers,
    w: Numbers,
    size: Pair,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """dy (N, O, OH, OW), w (O, C/G, KH, KW) -> dx (N, C, H, W) for an input of ``size`` (H, W).

    Equation (3), scattered: output (i, j) sends dy[o, i, j] w[o, c, a, k] back to the pixel that tap (a, k) met.
    """
    dy, w = float64(dy), float64(w)
    (N, O, OH, OW), (_, CG, KH, KW) = dy.shape, w.shape
    (H, W), (top, bottom, left, right) = size, padding
    dx = np.zeros((N, groups * CG, H + top + bottom, W + left + right))
    dy, w = dy.reshape(N, groups, O // groups, OH, OW), w.reshape(groups, O // groups, CG, KH, KW)
    for a in range(KH):
        for k in range(KW):
            rows, columns = _met(a, dilation[0], stride[0], OH), _met(k, dilation[1], stride[1], OW)
            dx[:, :, rows, columns] += np.einsum("ngoij,goc->ngcij", dy, w[..., a, k]).reshape(N, -1, OH, OW)
    return dx[:, :, top : top + H, left : left + W]


def conv2d_grad_weight(
    x: Numbers,
    dy: Numbers,
    kernel_size: Pair,
    stride: Pair = (1, 1),
    padding: Sides = NO_PADDING,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """x (N, C, H, W), dy (N, O, OH, OW) -> dw (O, C/G, KH, KW), summed over images.

    Equation (4): dw[o, c, a, k] = sum over i, j of dy[o, i, j] x[c, i·SH + a·DH, j·SW + k·DW] on padded x.
    """
    dy = float64(dy)
    windows = _windows(x, kernel_size, stride, padding, dilation)
    (N, C), (O, OH, OW) = windows.shape[:2], dy.shape[1:]
    windows = windows.reshape(N, groups, C // groups, *windows.shape[2:])
    dw: Array = np.einsum("ngcijab,ngoij->gocab", windows, dy.reshape(N, groups, O // groups, OH, OW))
    return dw.reshape(O, C // groups, *kernel_size)


def conv2d_grad_bias(dy: Numbers) -> Array:
    """dy (N, O, OH, OW) -> db (O,), summed over images and pixels: equation (5)."""
    return np.asarray(float64(dy).sum((0, 2, 3)))


def _windows(x: Numbers, kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair) -> Array:
    """x (N, C, H, W) -> (N, C, OH, OW, KH, KW): the pixels under each tap of each window, as a view of padded x."""
    top, bottom, left, right = padding
    padded = np.pad(float64(x), ((0, 0), (0, 0), (top, bottom), (left, right)))
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    windows: Array = sliding_window_view(padded, spans, (2, 3))
    return windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _met(tap: int, dilation: int, stride: int, out_size: int) -> slice:
    """The rows (columns) of padded x that a tap meets: one for each output row (column)."""
    first = tap * dilation
    return slice(first, first + stride * (out_size - 1) + 1, stride)
