"""The rectifier, max(v, 0); NaN stays NaN."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, ElementwiseProblem, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.one_image import OneImage
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, load_masked, maximum, store, store_masked, where


@kernel
def value(v):
    return maximum(v, 0)  # equation (11)


@kernel
def gradient(y, d):
    """d times the derivative, in terms of the output y."""
    return where(y <= 0, 0, d)


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


@register("relu")
class Direct(SimpleBackend):
    """max(v, 0), 16 images at once"""

    def build(self, problem: ElementwiseProblem) -> ParameterFreeKernels:
        """Nothing to bind."""
        return ParameterFreeKernels(forward, grad_input)

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Its numbers side by side."""
        return OneImage(one_image)
