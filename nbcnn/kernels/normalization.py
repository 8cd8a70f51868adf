"""The problem of group_norm and layer_norm, which normalise each image, and the base class of both ops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import NormKernels
from nbcnn.kernels.op import Arrays, Case, Op, roundings

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class NormProblem:
    """An image of any shape as K weights over P pixels each: x, y, dy, dx are packs (K, P, 16), w and b (K,).

    Its numbers are normalised in ``groups`` of equal size, K / groups weights each.
    """

    kernels: ClassVar[type[NamedTuple]] = NormKernels
    over_the_image: ClassVar[bool] = True
    """Each output depends on all pixels, through the mean and the variance."""
    op: str
    groups: int
    shape: tuple[int, ...]
    eps: float = 1e-5
    dtype: str = "float32"

    @property
    def weights(self) -> int:
        """K"""
        raise NotImplementedError

    @property
    def pixels(self) -> int:
        """P"""
        return prod(self.shape) // self.weights

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(K, P)"""
        return (self.weights, self.pixels)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(K, P)"""
        return self.x_shape

    @property
    def w_shape(self) -> tuple[int, ...]:
        """(K,)"""
        return (self.weights,)

    @property
    def macs(self) -> int:
        """No multiplications that count."""
        return 0


class NormOp(Op):
    """An op that subtracts means and divides by standard deviations."""

    problem: type[Any] = NormProblem
    at_infinity = "any"

    def sizes(self) -> list[tuple[int, tuple[int, ...]]]:
        """Groups and images of its grid."""
        raise NotImplementedError

    def cases(self) -> Iterator[Case]:
        return (Case(self.problem(self.name, *size, eps)) for size in self.sizes() for eps in (1e-5, 1e-2))

    def tiny(self) -> list[Any]:
        small = [size for size in self.sizes() if 5 <= prod(size[1]) // size[0] and prod(size[1]) <= 12]
        return [self.problem(self.name, *size, dtype="float64") for size in small[:4]]

    def busy(self) -> list[Any]:
        largest = max(self.sizes(), key=lambda size: prod(size[1]))
        return [self.problem(self.name, *largest)]

    def small(self) -> list[Any]:
        return [replace(problem, dtype="float32") for problem in self.tiny()[:2]]

    def words(self, problem: NormProblem, bias: bool) -> str:
        shape = "×".join(map(str, problem.shape))
        return f"groups {problem.groups} eps {problem.eps} (an image of {shape}, {problem.dtype})"

    def step(self, problem: NormProblem) -> dict[str, Any]:
        return {**super().step(problem), "shape": list(problem.shape)}

    def spread(self, problem: NormProblem, inputs: Arrays, seed: Any) -> Arrays:
        """Means that are not 0: what is subtracted counts."""
        return inputs | {"x": inputs["x"] + 2}

    def bounds_of(self, problem: NormProblem, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """A mean is off by a few roundings of the mean absolute value, and a variance by as many of itself."""
        import numpy as np

        x, dy, w = inputs["x"], inputs["dy"], np.abs(inputs["w"])[:, None, None]
        share = (roundings(problem.weights * problem.pixels // problem.groups) + 8) * eps / 2

        def mean(array: np.ndarray) -> np.ndarray:
            """Of each group, beside each of its numbers."""
            grouped = array.reshape(problem.groups, -1, array.shape[-1])
            spread: np.ndarray = np.broadcast_to(grouped.mean(1, keepdims=True), grouped.shape).reshape(array.shape)
            return spread

        r = 1 / np.sqrt(mean((x - mean(x)) ** 2) + problem.eps)
        normal, off = np.abs(x - mean(x)) * r, share * (np.abs(x - mean(x)) + mean(np.abs(x))) * r
        off_normal = off + share * normal
        g = np.abs(dy) * w
        dx = share * r * (g + mean(g) + normal * mean(g * normal)) * 2
        dx += r * (off_normal * mean(g * normal) + normal * mean(g * off_normal))
        summed = (problem.pixels + 8) * eps / 2
        return {
            "y": off_normal * w + 4 * eps * np.abs(values["y"]) + eps * np.abs(inputs["b"])[:, None, None],
            "dx": dx + tiny,
            "dw": (np.abs(dy) * (off_normal + summed * normal)).sum((1, 2)),
            "db": summed * np.abs(dy).sum((1, 2)),
        }
