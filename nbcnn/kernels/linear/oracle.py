"""The linear layer in NumPy and its gradients: equations (8) to (10) of docs/math.md."""

from __future__ import annotations

from nbcnn.kernels.oracle import Array, Numbers, float64


def linear(x: Numbers, w: Numbers, b: Numbers) -> Array:
    """x (N, F), w (O, F), b (O,) -> y (N, O) = x wᵀ + b: equation (8)."""
    return float64(x) @ float64(w).T + float64(b)


def linear_grad_input(dy: Numbers, w: Numbers) -> Array:
    """dy (N, O), w (O, F) -> dx (N, F): equation (9)."""
    return float64(dy) @ float64(w)


def linear_grad_weight(x: Numbers, dy: Numbers) -> Array:
    """x (N, F), dy (N, O) -> dw (O, F), summed over images: equation (10). The bias's gradient is dy.sum(0)."""
    return float64(dy).T @ float64(x)
