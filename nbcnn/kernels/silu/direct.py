"""The sigmoid linear unit on packs and on one image: value and gradient; NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
from nbcnn.kernels.registry import register
from nbcnn.lanes import sigmoid, where

FAR = 1000
"""Beyond ±FAR the value is 0 or v in any precision; there are no products 0·∞ within it. And a product that a choice
comes after is rounded, whatever it is added to afterwards.
"""


@kernel
def value(v):
    v = where(v < -FAR, -FAR, v)
    return where(v > FAR, v, v * sigmoid(v))  # equation (44)


@kernel
def gradient(x, d):
    """d times the derivative, in terms of the input x."""
    v = where(x < -FAR, -FAR, where(x > FAR, FAR, x))
    s = sigmoid(v)
    return d * (s * (1 + v * (1 - s)))


@register("silu")
class Direct(ElementwiseBackend):
    """v / (1 + e**-v), 16 images at once"""

    kernels = elementwise_kernels(value, gradient, of_input=True)
