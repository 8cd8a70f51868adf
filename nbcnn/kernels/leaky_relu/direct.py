"""The leaky rectifier on packs and on one image: value and gradient; NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
from nbcnn.kernels.registry import register
from nbcnn.lanes import where


@kernel
def value(v, constants):
    return where(v > 0, v, v * constants[0])  # equation (41)


@kernel
def gradient(y, d, constants):
    """d times the derivative, in terms of the output y."""
    return where(y > 0, d, d * constants[0])


@register("leaky_relu")
class Direct(ElementwiseBackend):
    """v above 0, negative_slope · v below, 16 images at once"""

    kernels = elementwise_kernels(value, gradient, constants=True)
