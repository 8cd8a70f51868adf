"""The kernels of an activation, made from its two formulas: y of a number, and dx of a number and dy."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import (
    LANES,
    Kernel,
    KernelWithAttributes,
    OneImage,
    ParameterFreeKernels,
    SimpleBackend,
)
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.lanes import load, load_masked, store, store_masked


class ElementwiseKernels(NamedTuple):
    """Kernels of an elementwise op, and the formulas that they are made of."""

    forward: Kernel
    one_image: Kernel
    grad_input: Kernel
    value: Kernel
    gradient: Kernel
    of_input: bool
    """Whether ``gradient`` takes the input x; else the output y."""


def elementwise_kernels(
    value: Kernel, gradient: Kernel, *, of_input: bool = False, constants: bool = False
) -> ElementwiseKernels:
    """The kernels of ``value(v)`` and ``gradient(y, d)``, two kernels on lanes, under their module's name.

    With ``of_input`` it is ``gradient(x, d)``: for what does not rise everywhere, so that y does not tell where x was.
    With ``constants`` both take one more argument, the array of the problem's constants (``ElementwiseProblem``).
    """
    if constants:
        made = _with_constants(value, gradient, of_input)
    elif of_input:
        made = _of_input(value, gradient)
    else:
        made = _of_output(value, gradient)
    for function in made:  # so that the log of compiled kernels says whose it is
        function.__module__, function.__qualname__ = value.__module__, function.__name__
    forward, one_image, grad_input = map(kernel, made)
    return ElementwiseKernels(forward, one_image, grad_input, value, gradient, of_input)


def _of_output(value: Kernel, gradient: Kernel) -> tuple[Kernel, ...]:
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

    return forward, one_image, grad_input


def _of_input(value: Kernel, gradient: Kernel) -> tuple[Kernel, ...]:
    def grad_input(x, y, dy, dx, scratch):
        """x (F,), dy (F,) -> dx (F,)"""
        for f in range(x.shape[0]):
            store(dx, (f,), gradient(load(x, (f,)), load(dy, (f,))))

    return (*_of_output(value, gradient)[:2], grad_input)


def _with_constants(value: Kernel, gradient: Kernel, of_input: bool) -> tuple[Kernel, ...]:
    def forward(x, y, scratch, constants):
        """x (F,) -> y (F,)"""
        for f in range(x.shape[0]):
            store(y, (f,), value(load(x, (f,)), constants))

    def one_image(x, y, scratch, constants):
        """The same for an image's numbers x (F,) alone, 16 at once."""
        F = x.shape[0]
        for f in range(0, F, LANES):
            store_masked(y, (f,), value(load_masked(x, (f,), F - f), constants), F - f)

    def grad_input(x, y, dy, dx, scratch, constants):
        """x or y (F,), dy (F,) -> dx (F,)"""
        source = x if of_input else y
        for f in range(source.shape[0]):
            store(dx, (f,), gradient(load(source, (f,)), load(dy, (f,)), constants))

    return forward, one_image, grad_input


class ElementwiseBackend(SimpleBackend):
    """A backend of an activation; subclasses set ``kernels``, or choose them by the problem in ``kernels_of``."""

    kernels: ClassVar[ElementwiseKernels]

    def kernels_of(self, problem: Any) -> ElementwiseKernels:
        """Those for a problem."""
        return self.kernels

    def build(self, problem: ElementwiseProblem) -> ParameterFreeKernels:
        """Nothing to bind but constants."""
        made = self.kernels_of(problem)
        return ParameterFreeKernels(_bound(made.forward, problem), _bound(made.grad_input, problem))

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Its numbers side by side."""
        return OneImage(_bound(self.kernels_of(problem).one_image, problem))


def _bound(made: Kernel, problem: ElementwiseProblem) -> Kernel:
    """A kernel with the problem's constants, where it has some."""
    return KernelWithAttributes(made, *constants_of(problem)) if problem.constants else made


def constants_of(problem: ElementwiseProblem) -> tuple[Any, ...]:
    """The array of a problem's constants, in its dtype; nothing where it has none."""
    import numpy as np

    return (np.array(problem.constants, problem.dtype),) if problem.constants else ()
