"""Batch normalisation in NumPy: equations (53) to (58) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.oracle import Array, Numbers, float64


def normalised(x: Numbers, statistics: Numbers, b: Numbers) -> Array:
    """(N, C, M): equation (53), with mean and w/σ of each channel."""
    x, s = float64(x), float64(statistics)
    return (x - s[0, :, None]) * s[2, :, None] + float64(b)[:, None]


def grad_weight(x: Numbers, dy: Numbers, statistics: Numbers) -> tuple[Array, Array]:
    """dw, db (C,) of (N, C, M): equations (56) and (57)."""
    x, dy, s = float64(x), float64(dy), float64(statistics)
    return (dy * (x - s[0, :, None])).sum((0, 2)) * s[1], dy.sum((0, 2))


def grad_input(x: Numbers, dy: Numbers, statistics: Numbers, means: Numbers) -> Array:
    """dx (N, C, M): equation (58), ``means`` (2, C) of dw and db over a channel's values."""
    x, dy, s, m = float64(x), float64(dy), float64(statistics), float64(means)
    normal = (x - s[0, :, None]) * s[1, :, None]
    return s[2, :, None] * (dy - m[1, :, None] - normal * m[0, :, None])
