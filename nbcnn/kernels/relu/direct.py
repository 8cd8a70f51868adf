"""ReLU on packs and on one image: value and gradient; NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
from nbcnn.kernels.registry import register
from nbcnn.lanes import maximum, where


@kernel
def value(v):
    return maximum(v, 0)  # equation (11)


@kernel
def gradient(y, d):
    """d times the derivative, in terms of the output y."""
    return where(y <= 0, 0, d)


@register("relu")
class Direct(ElementwiseBackend):
    """max(v, 0), 16 images at once"""

    kernels = elementwise_kernels(value, gradient)
