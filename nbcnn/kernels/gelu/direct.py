"""The Gaussian error linear unit on packs and on one image: value and gradient; NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.elementwise_kernels import ElementwiseBackend, ElementwiseKernels, elementwise_kernels
from nbcnn.kernels.gelu.op import GELUProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import erf, exp, sigmoid, where

FAR = 1000
"""Beyond ±FAR the value is 0 or v in any precision; there are no products 0·∞ within it. And a product that a choice
comes after is rounded, whatever it is added to afterwards.
"""


@kernel
def value(v, constants):
    v = where(v < -FAR, -FAR, v)
    return where(v > FAR, v, v * ((1 + erf(v * constants[0])) / 2))  # equation (43)


@kernel
def gradient(x, d, constants):
    """d · (Φ(x) + x φ(x)), with φ the density of the normal distribution."""
    v = where(x < -FAR, -FAR, where(x > FAR, FAR, x))
    return d * ((1 + erf(v * constants[0])) / 2 + v * (constants[1] * exp(-v * v / 2)))


@kernel
def value_by_tanh(v, constants):
    """As (1 + tanh u) / 2 is the sigmoid of 2u."""
    v = where(v < -FAR, -FAR, v)
    return where(v > FAR, v, v * sigmoid(constants[0] * (v + constants[1] * (v * v * v))))


@kernel
def gradient_by_tanh(x, d, constants):
    """d · (s + x s (1 - s) · 2u') with s the sigmoid of 2u."""
    v = where(x < -FAR, -FAR, where(x > FAR, FAR, x))
    s = sigmoid(constants[0] * (v + constants[1] * (v * v * v)))
    return d * (s * (1 + v * (1 - s) * (constants[0] * (1 + constants[2] * (v * v)))))


EXACT = elementwise_kernels(value, gradient, of_input=True, constants=True)
BY_TANH = elementwise_kernels(value_by_tanh, gradient_by_tanh, of_input=True, constants=True)


@register("gelu")
class Direct(ElementwiseBackend):
    """v · Φ(v), 16 images at once"""

    def kernels_of(self, problem: GELUProblem) -> ElementwiseKernels:
        """Those of the formula that is wanted."""
        return BY_TANH if problem.approximate == "tanh" else EXACT
