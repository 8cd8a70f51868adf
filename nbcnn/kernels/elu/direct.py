"""The exponential linear unit on packs and on one image: value and gradient; NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
from nbcnn.kernels.registry import register
from nbcnn.lanes import expm1, where


@kernel
def value(v, constants):
    return where(v > 0, v, constants[0] * expm1(where(v > 0, 0, v)))  # equation (42)


@kernel
def gradient(y, d, constants):
    """d times the derivative, in terms of the output y: below 0, alpha · e**x is y + alpha."""
    return where(y > 0, d, d * (y + constants[0]))


@register("elu")
class Direct(ElementwiseBackend):
    """v above 0, alpha · (e**v - 1) below, 16 images at once"""

    kernels = elementwise_kernels(value, gradient, constants=True)
