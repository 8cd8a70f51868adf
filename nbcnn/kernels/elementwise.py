"""Elementwise ops: their problem, and the base class of their definitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Annotated, Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import LANES, ParameterFreeKernels
from nbcnn.kernels.op import Arrays, AtInfinity, Case, Op, more_roundings

AtLeast0 = Annotated[float, 0]
"""A number that has a bound: in config files at least 0."""
FEATURES = (1, 2, 3, 7, 10, 16, 17, 37, 130)
"""Numbers of an image in the grids of these ops, and classes in that of the loss."""


@dataclass(frozen=True)
class ElementwiseProblem:
    """An activation on (F,) numbers an image: x and y are packs (F, 16). A subclass has the activation's arguments as
    fields of its own; the layer's config has them too, by the same names and types.
    """

    kernels: ClassVar[type[NamedTuple]] = ParameterFreeKernels
    op: str
    features: int
    dtype: str = "float32"

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(F,)"""
        return (self.features,)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(F,)"""
        return (self.features,)

    @property
    def macs(self) -> int:
        """No multiplications that count."""
        return 0

    @property
    def constants(self) -> tuple[float, ...]:
        """Numbers that the formulas take besides (``elementwise_kernels(…, constants=True)``)."""
        return ()

    @property
    def arguments(self) -> dict[str, Any]:
        """The activation's own, by name."""
        own = {one.name for one in fields(self)} - {one.name for one in fields(ElementwiseProblem)}
        return {name: value for name, value in vars(self).items() if name in own}


class ElementwiseOp(Op):
    """An op on (F,) numbers an image. ``value`` and ``gradient`` are its formulas in NumPy, for arrays (N, F): those of
    the file oracle.py in its folder, unless a subclass has them.
    """

    problem = ElementwiseProblem
    ways: tuple[dict[str, Any], ...] = ({},)
    """Arguments of its own that its grid goes through."""
    some = 20
    """Numbers of an image whose Jacobian is computed."""
    many = 2000
    """Numbers of an image that threads meet over."""

    def value(self, x: Any, **arguments: Any) -> Any:
        """y of x, (N, F)."""
        return import_module(f"{__package__}.{self.name}.oracle").value(x, **arguments)

    def gradient(self, x: Any, dy: Any, **arguments: Any) -> Any:
        """dx of x and dy, (N, F)."""
        return import_module(f"{__package__}.{self.name}.oracle").gradient(x, dy, **arguments)

    def kinks(self, problem: ElementwiseProblem) -> tuple[float, ...]:
        """The numbers x at which the derivative jumps."""
        return ()

    def oracle(self, problem: ElementwiseProblem, inputs: Arrays) -> Arrays:
        x, dy = inputs["x"].T, inputs["dy"].T  # softmax takes (N, K); to the others the order is all one
        own = problem.arguments
        return {"y": self.value(x, **own).T, "dx": self.gradient(x, dy, **own).T}

    def cases(self) -> Iterator[Case]:
        return (Case(self.problem(self.name, features, **way)) for way in self.ways for features in FEATURES)

    def tiny(self) -> list[Any]:
        return [self.problem(self.name, self.some, "float64", **way) for way in self.ways]

    def busy(self) -> list[Any]:
        return [self.problem(self.name, self.many)]

    def small(self) -> list[Any]:
        return [self.problem(self.name, 5)]

    def words(self, problem: ElementwiseProblem, bias: bool) -> str:
        own = "".join(f", {name} {value}" for name, value in problem.arguments.items())
        return f"{problem.features} numbers{own} ({problem.dtype})"

    def step(self, problem: ElementwiseProblem) -> dict[str, Any]:
        return {**super().step(problem), "arguments": problem.arguments}


class ActivationOp(ElementwiseOp):
    """An op that has a layer and takes number by number; ``bounds`` suits those whose derivative comes from y.
    Arguments of the layer are fields of its problem.

    A built-in one needs its folder only: nbcnn makes the layer of its name.
    """

    at_infinity: ClassVar[AtInfinity] = "limit"

    def spread(self, problem: ElementwiseProblem, inputs: Arrays, seed: Any) -> Arrays:
        import numpy as np

        # Near 0, in the bend and far out.
        scales = np.resize(np.array([1, 5, 30, 1e-3, 1e-20]), len(inputs["x"])).astype(np.float32).astype("float64")
        return inputs | {"x": (inputs["x"] * scales[:, None]).astype(np.float32).astype("float64")}

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """The derivative comes from y, which of a sigmoid is 1 long before the derivative is 0."""
        import numpy as np

        return {
            "y": 4 * eps * np.abs(values["y"]) + tiny,
            "dx": 8 * eps * np.abs(values["dx"]) + 16 * eps * np.maximum(np.abs(inputs["dy"]), 1),
        }

    def layers(self, backend: str) -> list[list[Any]]:
        head = {"conv2d": {"out_channels": 2, "kernel_size": 3}}
        return [[head, {self.name: {"backend": backend}}, "flatten", {"linear": {"out_features": 3}}]]


class ScoresOp(ElementwiseOp):
    """An op on the scores of all classes, whose sums over very many classes come in blocks."""

    some, many = 7, 200
    at_infinity = "any"

    def spread(self, problem: ElementwiseProblem, inputs: Arrays, seed: Any) -> Arrays:
        return inputs | {"x": 3 * inputs["x"]}

    def long_sums(self) -> list[Any]:
        return [self.problem(self.name, 40000)]

    def equal(self, problem: ElementwiseProblem, number: float) -> Arrays:
        import numpy as np

        x = equal_exponentials(problem.features, number)
        return {"x": x, "dy": np.full_like(x, number)}

    def more(self, inputs: Arrays, eps: float) -> float:
        """By what share the sum over the classes may be off besides."""
        return more_roundings(len(inputs["x"]), eps)


def equal_exponentials(classes: int, number: float) -> Any:
    """Scores (K, 16) whose exponentials are all equal to a number, but for the largest, which is 0."""
    import numpy as np

    x = np.full((classes, LANES), np.log(number))
    x[0] = 0
    return x.astype(np.float32).astype(np.float64)
