"""The oracle's linear layer, activations, softmax and loss: equations (8) to (16) and (28) of docs/math.md."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbcnn.reference.arrays import Array, Numbers, float64


def linear(x: Numbers, w: Numbers, b: Numbers) -> Array:
    """x (N, F), w (O, F), b (O,) -> y (N, O) = x wᵀ + b: equation (8)."""
    return float64(x) @ float64(w).T + float64(b)


def linear_grad_input(dy: Numbers, w: Numbers) -> Array:
    """dy (N, O), w (O, F) -> dx (N, F): equation (9)."""
    return float64(dy) @ float64(w)


def linear_grad_weight(x: Numbers, dy: Numbers) -> Array:
    """x (N, F), dy (N, O) -> dw (O, F), summed over images: equation (10). The bias's gradient is dy.sum(0)."""
    return float64(dy).T @ float64(x)


def relu(x: Numbers) -> Array:
    """max(x, 0): equation (11)."""
    return np.maximum(float64(x), 0)


def relu_grad(x: Numbers, dy: Numbers) -> Array:
    """dy where x is above 0, else 0."""
    return np.where(float64(x) > 0, float64(dy), 0)


def sigmoid(x: Numbers) -> Array:
    """1 / (1 + e^-x): equation (12), written so that only negative numbers are raised."""
    small = np.exp(-np.abs(float64(x)))
    return np.asarray(np.where(float64(x) >= 0, 1, small) / (1 + small))


def sigmoid_grad(x: Numbers, dy: Numbers) -> Array:
    """dy · s(x) · s(-x), for s(-x) = 1 - s(x)."""
    return float64(dy) * sigmoid(x) * sigmoid(-float64(x))


def tanh(x: Numbers) -> Array:
    """Equation (13)."""
    return np.tanh(float64(x))


def tanh_grad(x: Numbers, dy: Numbers) -> Array:
    """dy / cosh² x."""
    return np.asarray(float64(dy) / np.cosh(float64(x)) ** 2)


def softmax(x: Numbers) -> Array:
    """Scores x (N, K) -> probabilities (N, K): equation (14)."""
    e = np.exp(float64(x) - float64(x).max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def softmax_grad(x: Numbers, dy: Numbers) -> Array:
    """x, dy (N, K) -> dx (N, K): dy times the Jacobian diag(p) - p pᵀ of each image's probabilities p."""
    p, dy = softmax(x), float64(dy)
    return np.asarray(p * (dy - np.einsum("nk,nk->n", p, dy)[:, None]))


def log_softmax(x: Numbers) -> Array:
    """Scores x (N, K) -> logarithms of their probabilities (N, K): equation (28)."""
    below = float64(x) - float64(x).max(1, keepdims=True)
    return np.asarray(below - np.log(np.exp(below).sum(1, keepdims=True)))


def log_softmax_grad(x: Numbers, dy: Numbers) -> Array:
    """x, dy (N, K) -> dx (N, K): dy times the Jacobian I - 1 pᵀ of each image's probabilities p."""
    return np.asarray(float64(dy) - float64(dy).sum(1, keepdims=True) * softmax(x))


def cross_entropy(x: Numbers, labels: NDArray[np.integer]) -> Array:
    """Scores x (N, K), labels (N,) -> losses (N,), minus the logarithm of the label's probability: equation (15)."""
    largest = float64(x).max(1)
    log_sum = largest + np.log(np.exp(float64(x) - largest[:, None]).sum(1))
    return np.asarray(log_sum - float64(x)[np.arange(len(x)), labels])


def cross_entropy_grad(x: Numbers, labels: NDArray[np.integer], scale: Numbers) -> Array:
    """Scores x (N, K), labels (N,), scale (N,) -> the gradient (N, K) of sum(scale · losses): equation (16)."""
    difference = softmax(x)
    difference[np.arange(len(labels)), labels] -= 1
    return np.asarray(float64(scale)[:, None] * difference)
