"""Every op as a plain definition on images (N, C, H, W), in NumPy and float64: the oracle of the kernels.

It shares no code with them and takes other ways to the same numbers: windows are views or slices, sums are einsums,
gradients are scattered. Numbers of equations are those of docs/math.md. Letters: N images, C, O input and output
channels, H, W input size, OH, OW output size, KH, KW kernel size, G groups, F features, K classes. Padding is that of
the four sides top, bottom, left, right. Arrays come in any kind of number and leave as float64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.floating] | NDArray[np.integer]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
NO_PADDING: Sides = (0, 0, 0, 0)


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
    w = _float64(w)
    windows = _windows(x, w.shape[2:], stride, padding, dilation)
    N, C, OH, OW = windows.shape[:4]
    windows = windows.reshape(N, groups, C // groups, OH, OW, *w.shape[2:])
    y: Array = np.einsum("ngcijab,gocab->ngoij", windows, w.reshape(groups, -1, *w.shape[1:]))
    return y.reshape(N, -1, OH, OW) + _float64(b)[:, None, None]


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
    dy, w = _float64(dy), _float64(w)
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
    dy = _float64(dy)
    windows = _windows(x, kernel_size, stride, padding, dilation)
    (N, C), (O, OH, OW) = windows.shape[:2], dy.shape[1:]
    windows = windows.reshape(N, groups, C // groups, *windows.shape[2:])
    dw: Array = np.einsum("ngcijab,ngoij->gocab", windows, dy.reshape(N, groups, O // groups, OH, OW))
    return dw.reshape(O, C // groups, *kernel_size)


def conv2d_grad_bias(dy: Numbers) -> Array:
    """dy (N, O, OH, OW) -> db (O,), summed over images and pixels: equation (5)."""
    return np.asarray(_float64(dy).sum((0, 2, 3)))


def max_pool2d(x: Numbers, kernel_size: Pair, stride: Pair, padding: Sides = NO_PADDING) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW), the largest pixel of each window; padding holds none: equation (6)."""
    x = _float64(x)
    y = np.empty((*x.shape[:2], *_pooled(x.shape[2:], kernel_size, stride, padding)))
    for i, j, rows, columns in _clipped(x.shape[2:], kernel_size, stride, padding):
        y[:, :, i, j] = x[:, :, rows, columns].max((2, 3))
    return y


def max_pool2d_grad(x: Numbers, dy: Numbers, kernel_size: Pair, stride: Pair, padding: Sides = NO_PADDING) -> Array:
    """x (N, C, H, W), dy (N, C, OH, OW) -> dx (N, C, H, W): to the first of a window's largest pixels."""
    x, dy = _float64(x), _float64(dy)
    dx = np.zeros(x.shape)
    for i, j, rows, columns in _clipped(x.shape[2:], kernel_size, stride, padding):
        for n, c in np.ndindex(*x.shape[:2]):
            window = x[n, c, rows, columns]
            r, q = np.unravel_index(window.argmax(), window.shape)
            dx[n, c, rows.start + r, columns.start + q] += dy[n, c, i, j]
    return dx


def avg_pool2d(
    x: Numbers, kernel_size: Pair, stride: Pair, padding: Sides = NO_PADDING, count_include_pad: bool = True
) -> Array:
    """x (N, C, H, W) -> y (N, C, OH, OW), the mean of each window, padding zeros counted or not: equation (7)."""
    x = _float64(x)
    y = np.empty((*x.shape[:2], *_pooled(x.shape[2:], kernel_size, stride, padding)))
    for i, j, rows, columns in _clipped(x.shape[2:], kernel_size, stride, padding):
        window = x[:, :, rows, columns]
        count = kernel_size[0] * kernel_size[1] if count_include_pad else window.shape[2] * window.shape[3]
        y[:, :, i, j] = window.sum((2, 3)) / count
    return y


def avg_pool2d_grad(
    dy: Numbers,
    size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides = NO_PADDING,
    count_include_pad: bool = True,
) -> Array:
    """dy (N, C, OH, OW) -> dx (N, C, H, W) for an input of ``size`` (H, W): equal shares to all pixels of a window."""
    dy = _float64(dy)
    dx = np.zeros((*dy.shape[:2], *size))
    for i, j, rows, columns in _clipped(size, kernel_size, stride, padding):
        window = dx[:, :, rows, columns]
        count = kernel_size[0] * kernel_size[1] if count_include_pad else window.shape[2] * window.shape[3]
        window += dy[:, :, i : i + 1, j : j + 1] / count
    return dx


def linear(x: Numbers, w: Numbers, b: Numbers) -> Array:
    """x (N, F), w (O, F), b (O,) -> y (N, O) = x wᵀ + b: equation (8)."""
    return _float64(x) @ _float64(w).T + _float64(b)


def linear_grad_input(dy: Numbers, w: Numbers) -> Array:
    """dy (N, O), w (O, F) -> dx (N, F): equation (9)."""
    return _float64(dy) @ _float64(w)


def linear_grad_weight(x: Numbers, dy: Numbers) -> Array:
    """x (N, F), dy (N, O) -> dw (O, F), summed over images: equation (10). The bias's gradient is dy.sum(0)."""
    return _float64(dy).T @ _float64(x)


def relu(x: Numbers) -> Array:
    """max(x, 0): equation (11)."""
    return np.maximum(_float64(x), 0)


def relu_grad(x: Numbers, dy: Numbers) -> Array:
    """dy where x is above 0, else 0."""
    return np.where(_float64(x) > 0, _float64(dy), 0)


def sigmoid(x: Numbers) -> Array:
    """1 / (1 + e^-x): equation (12), written so that only negative numbers are raised."""
    small = np.exp(-np.abs(_float64(x)))
    return np.asarray(np.where(_float64(x) >= 0, 1, small) / (1 + small))


def sigmoid_grad(x: Numbers, dy: Numbers) -> Array:
    """dy · s(x) · s(-x), for s(-x) = 1 - s(x)."""
    return _float64(dy) * sigmoid(x) * sigmoid(-_float64(x))


def tanh(x: Numbers) -> Array:
    """Equation (13)."""
    return np.tanh(_float64(x))


def tanh_grad(x: Numbers, dy: Numbers) -> Array:
    """dy / cosh² x."""
    return np.asarray(_float64(dy) / np.cosh(_float64(x)) ** 2)


def softmax(x: Numbers) -> Array:
    """Scores x (N, K) -> probabilities (N, K): equation (14)."""
    e = np.exp(_float64(x) - _float64(x).max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def softmax_grad(x: Numbers, dy: Numbers) -> Array:
    """x, dy (N, K) -> dx (N, K) by the Jacobian diag(p) - p pᵀ of each image's probabilities p."""
    p = softmax(x)
    jacobian = np.einsum("nk,km->nkm", p, np.eye(p.shape[1])) - np.einsum("nk,nm->nkm", p, p)
    return np.asarray(np.einsum("nk,nkm->nm", _float64(dy), jacobian))


def cross_entropy(x: Numbers, labels: NDArray[np.integer]) -> Array:
    """Scores x (N, K), labels (N,) -> losses (N,), minus the logarithm of the label's probability: equation (15)."""
    largest = _float64(x).max(1)
    log_sum = largest + np.log(np.exp(_float64(x) - largest[:, None]).sum(1))
    return np.asarray(log_sum - _float64(x)[np.arange(len(x)), labels])


def cross_entropy_grad(x: Numbers, labels: NDArray[np.integer], scale: Numbers) -> Array:
    """Scores x (N, K), labels (N,), scale (N,) -> the gradient (N, K) of sum(scale · losses): equation (16)."""
    onehot = np.eye(x.shape[1])[labels]
    return np.asarray(_float64(scale)[:, None] * (softmax(x) - onehot))


def sgd_step(
    p: Numbers,
    g: Numbers,
    velocity: Numbers,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> tuple[Array, Array]:
    """p, g, velocity (size,) -> new p and velocity: equation (17), with momentum (18)."""
    d = _float64(g) + weight_decay * _float64(p)
    v = momentum * _float64(velocity) + d
    return _float64(p) - lr * (d + momentum * v if nesterov else v), v


def adam_step(
    p: Numbers,
    g: Numbers,
    moments: Numbers,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> tuple[Array, Array]:
    """p, g (size,), moments (2, size), t the number of this step, from 1 on -> new p and moments: equation (19).

    ``decoupled`` is AdamW: the decay shrinks p instead of being added to g.
    """
    p, g, (m, v) = _float64(p), _float64(g), _float64(moments)
    if decoupled:
        p = p - lr * weight_decay * p
    else:
        g = g + weight_decay * p
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g**2
    unbiased_m, unbiased_v = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return p - lr * unbiased_m / (np.sqrt(unbiased_v) + eps), np.stack([m, v])


def _float64(x: Numbers) -> Array:
    return np.asarray(x, np.float64)


def _windows(x: Numbers, kernel_size: Pair, stride: Pair, padding: Sides, dilation: Pair) -> Array:
    """x (N, C, H, W) -> (N, C, OH, OW, KH, KW): the pixels under each tap of each window, as a view of padded x."""
    top, bottom, left, right = padding
    padded = np.pad(_float64(x), ((0, 0), (0, 0), (top, bottom), (left, right)))
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    windows: Array = sliding_window_view(padded, spans, (2, 3))
    return windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def _met(tap: int, dilation: int, stride: int, out_size: int) -> slice:
    """The rows (columns) of padded x that a tap meets: one for each output row (column)."""
    first = tap * dilation
    return slice(first, first + stride * (out_size - 1) + 1, stride)


def _pooled(size: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides) -> Pair:
    """OH, OW: how many windows begin, one stride after the other, before the last place where one fits."""
    rows = len(range(-padding[0], size[0] + padding[1] - kernel_size[0] + 1, stride[0]))
    return rows, len(range(-padding[2], size[1] + padding[3] - kernel_size[1] + 1, stride[1]))


def _clipped(
    size: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides
) -> Iterator[tuple[int, int, slice, slice]]:
    """Output row and column with the slices of x that their window covers, clipped to the image."""
    OH, OW = _pooled(size, kernel_size, stride, padding)
    for i, j in np.ndindex(OH, OW):
        r, q = i * stride[0] - padding[0], j * stride[1] - padding[2]
        yield (
            i,
            j,
            slice(max(r, 0), min(r + kernel_size[0], size[0])),
            slice(max(q, 0), min(q + kernel_size[1], size[1])),
        )
