"""The logistic sigmoid on packs and on one image: value and gradient."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
from nbcnn.kernels.registry import register
from nbcnn.lanes import sigmoid


@kernel
def value(v):
    return sigmoid(v)  # equation (12)


@kernel
def gradient(y, d):
    """d times the derivative, in terms of the output y."""
    return d * (y * (1 - y))


@register("sigmoid")
class Direct(ElementwiseBackend):
    """1 / (1 + e**-v), 16 images at once"""

    kernels = elementwise_kernels(value, gradient)
