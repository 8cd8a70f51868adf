"""The hyperbolic tangent, e / (e + 2) with e = exp(2 v) - 1, which is accurate near 0 too."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, ElementwiseProblem, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.one_image import OneImage
from nbcnn.kernels.registry import register
from nbcnn.lanes import expm1, load, load_masked, store, store_masked, where


@kernel
def value(v):
    e = expm1(2 * where(v > 20, 20, where(v < -20, -20, v)))  # beyond 20, tanh is 1 in any precision
    return e / (e + 2)  # equation (13)


@kernel
def gradient(y, d):
    """d times the derivative, in terms of the output y."""
    return d * (1 - y * y)


@kernel
def forward(x, y, scratch):
    """x (F,) -> y (F,)"""
    for f in range(x.shape[0]):
        store(y, (f,), value(load(x, (f,))))


@kernel
def one_image(x, y, scratch):
    """The same for an image's numbers x (F,) alone, 16 at once."""
    F = x.shape[0]
    for f in range(0, F, LANES):
        store_masked(y, (f,), value(load_masked(x, (f,), F - f)), F - f)


@kernel
def grad_input(x, y, dy, dx, scratch):
    """y (F,), dy (F,) -> dx (F,)"""
    for f in range(y.shape[0]):
        store(dx, (f,), gradient(load(y, (f,)), load(dy, (f,))))


@register("tanh")
class Direct(SimpleBackend):
    """tanh v, 16 images at once, accurate near 0"""

    def build(self, problem: ElementwiseProblem) -> ParameterFreeKernels:
        """Nothing to bind."""
        return ParameterFreeKernels(forward, grad_input)

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Its numbers side by side."""
        return OneImage(one_image)
