"""The op cross_entropy: equations (15) and (16) of docs/math.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import LANES, ArrayType, Kernel, Signature
from nbcnn.kernels.elementwise import FEATURES, equal_exponentials
from nbcnn.kernels.op import Arrays, Case, Op, more_roundings
from nbcnn.kernels.ops import OPS


class LossKernels(NamedTuple):
    """Kernels of a loss: ``labels`` (16,) int64; ``scale`` (16,) is each image's weight, 0 for a blank one."""

    forward: Kernel
    """(x, labels, losses, guesses, scratch): the loss and the most likely class of each image, (16,) each"""
    grad_input: Kernel
    """(x, labels, scale, dx, scratch): the gradient of sum(scale · loss)"""

    @staticmethod
    def signatures() -> tuple[Signature, ...]:
        """Of each kernel."""
        return (
            Signature("forward", ("x", "labels"), ("losses", "guesses")),
            Signature("grad_input", ("x", "labels", "scale"), ("dx",)),
        )


@dataclass(frozen=True)
class LossProblem:
    """A loss on (K,) class scores an image."""

    op: ClassVar[str] = "cross_entropy"
    kernels: ClassVar[type[NamedTuple]] = LossKernels
    classes: int
    dtype: str = "float32"

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(K,)"""
        return (self.classes,)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """One loss an image."""
        return ()

    @property
    def arrays(self) -> dict[str, ArrayType]:
        """Those that the kernels of other ops don't have."""
        whole, floats = ArrayType((LANES,), "int64", True), ArrayType((LANES,), self.dtype, True)
        return {"labels": whole, "guesses": whole, "losses": floats, "scale": floats}


@OPS.register("cross_entropy")
class CrossEntropy(Op):
    """The loss of class scores, from the scores."""

    problem = LossProblem
    torch, onnx = "CrossEntropyLoss", "SoftmaxCrossEntropyLoss"
    at_infinity = "any"

    def oracle(self, problem: LossProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.cross_entropy import oracle

        x, labels, scale = inputs["x"].T, inputs["labels"], inputs["scale"]
        return {
            "losses": oracle.cross_entropy(x, labels),
            "guesses": x.argmax(1),
            "dx": oracle.cross_entropy_grad(x, labels, scale).T,
        }

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        import numpy as np

        return {
            "losses": 8 * eps * np.abs(values["losses"]) + 8 * eps + more_roundings(len(inputs["x"]), eps),
            "guesses": 0.0,
            "dx": 8 * eps * max(1.0, float(inputs["scale"].max())),
        }

    def cases(self) -> Iterator[Case]:
        return (Case(LossProblem(classes)) for classes in FEATURES)

    def tiny(self) -> list[Any]:
        return [LossProblem(7, "float64")]

    def busy(self) -> list[Any]:
        return [LossProblem(200)]

    def long_sums(self) -> list[Any]:
        return [LossProblem(40000)]

    def small(self) -> list[Any]:
        return [LossProblem(3)]

    def spread(self, problem: LossProblem, inputs: Arrays, seed: Any) -> Arrays:
        import numpy as np

        random = np.random.default_rng(seed)
        x = 3 * random.standard_normal((problem.classes, LANES), np.float32)
        scale = random.uniform(0, 2, LANES).astype(np.float32) * (np.arange(LANES) < LANES - 3)
        labels = random.integers(0, problem.classes, LANES)
        return {"x": x.astype("float64"), "labels": labels, "scale": scale.astype("float64")}

    def equal(self, problem: LossProblem, number: float) -> Arrays:
        import numpy as np

        return {
            "x": equal_exponentials(problem.classes, number),
            "labels": np.arange(LANES),
            "scale": np.ones(LANES),
        }

    def words(self, problem: LossProblem, bias: bool) -> str:
        return f"{problem.classes} classes ({problem.dtype})"
