"""The kernels of an activation, made from its two formulas: y of a number, and dx of y and dy."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, Kernel, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.lanes import load, load_masked, store, store_masked


class ElementwiseKernels(NamedTuple):
    """Kernels of an elementwise op."""

    forward: Kernel
    one_image: Kernel
    grad_input: Kernel


def elementwise_kernels(value: Kernel, gradient: Kernel) -> ElementwiseKernels:
    """The kernels of ``value(v)`` and ``gradient(y, d)``, two kernels on lanes, under their module's name."""

    def forward(x, y, scratch):
        """x (F,) -> y (F,)"""
        for f in range(x.shape[0]):
            store(y, (f,), value(load(x, (f,))))

    def one_image(x, y, scratch):
        """The same for an image's numbers x (F,) alone, 16 at once."""
        F = x.shape[0]
        for f in range(0, F, LANES):
            store_masked(y, (f,), value(load_masked(x, (f,), F - f)), F - f)

    def grad_input(x, y, dy, dx, scratch):
        """y (F,), dy (F,) -> dx (F,)"""
        for f in range(y.shape[0]):
            store(dx, (f,), gradient(load(y, (f,)), load(dy, (f,))))

    made = forward, one_image, grad_input
    for function in made:  # so that the log of compiled kernels says whose it is
        function.__module__, function.__qualname__ = value.__module__, function.__name__
    return ElementwiseKernels(*map(kernel, made))


class ElementwiseBackend(SimpleBackend):
    """A backend of an activation; subclasses set ``kernels``."""

    kernels: ClassVar[ElementwiseKernels]

    def build(self, problem: ElementwiseProblem) -> ParameterFreeKernels:
        """Nothing to bind."""
        return ParameterFreeKernels(self.kernels.forward, self.kernels.grad_input)

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Its numbers side by side."""
        return OneImage(self.kernels.one_image)
