"""Hard swish on packs and on one image: value and gradient; NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, elementwise_kernels
from nbcnn.kernels.registry import register
from nbcnn.lanes import where


@kernel
def value(v):
    return where(v <= -3, 0, where(v >= 3, v, v * (v + 3) / 6))  # equation (45)


@kernel
def gradient(x, d):
    """d times the derivative, in terms of the input x; at -3 and 3, where it jumps, as beyond them."""
    return where(x <= -3, 0, where(x >= 3, d, d * (2 * x + 3) / 6))


@register("hardswish")
class Direct(ElementwiseBackend):
    """v · min(max(v + 3, 0), 6) / 6, 16 images at once"""

    kernels = elementwise_kernels(value, gradient, of_input=True)
