"""The rectifier, max(v, 0); NaN stays NaN."""

from __future__ import annotations

from nbcnn.kernels.contract import LANES, ElementwiseProblem, OneImage, PlainKernels, SimpleBackend
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, load_part, maximum, store, store_part, where
from nbcnn.kernels.registry import register


@kernel
def forward(x, y, work):
    """x (F,) -> y (F,)"""
    for f in range(x.shape[0]):
        v = load(x, (f,))
        store(y, (f,), maximum(v, 0))  # equation (11)


@kernel
def one_image(x, y, work):
    """The same for an image's numbers x (F,) alone, 16 at once."""
    F = x.shape[0]
    for f in range(0, F, LANES):
        v = load_part(x, (f,), F - f)
        store_part(y, (f,), maximum(v, 0), F - f)  # equation (11)


@kernel
def grad_input(x, y, dy, dx, work):
    """The derivative in terms of the output y."""
    for f in range(y.shape[0]):
        v, d = load(y, (f,)), load(dy, (f,))
        store(dx, (f,), where(v <= 0, 0, d))


@register("relu")
class Direct(SimpleBackend):
    """max(v, 0), 16 images at once"""

    def build(self, problem: ElementwiseProblem) -> PlainKernels:
        """Nothing to bind."""
        return PlainKernels(forward, grad_input)

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Its numbers side by side."""
        return OneImage(one_image)
