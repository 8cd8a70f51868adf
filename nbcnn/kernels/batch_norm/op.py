"""The op batch_norm: equations (53) and (56) to (58) of docs/math.md; mean and variance are inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import ArrayType, Kernel, Signature
from nbcnn.kernels.op import Arrays, Case, Op
from nbcnn.kernels.ops import OPS


class BatchNormKernels(NamedTuple):
    """Kernels of batch_norm. ``statistics`` (4, C) are mean, 1/σ, w/σ and σ² of each channel; ``means`` (2, C) those of
    dw and db over all values of a channel in the batch.
    """

    forward: Kernel
    """(x, statistics, b, y, scratch)"""
    grad_weight: Kernel
    """(x, dy, statistics, dw, db, scratch)"""
    grad_input: Kernel
    """(x, dy, statistics, means, dx, scratch)"""

    @staticmethod
    def signatures() -> tuple[Signature, ...]:
        """Of each kernel."""
        return (
            Signature("forward", ("x", "statistics", "b"), ("y",)),
            Signature("grad_weight", ("x", "dy", "statistics"), ("dw", "db")),
            Signature("grad_input", ("x", "dy", "statistics", "means"), ("dx",)),
        )


@dataclass(frozen=True)
class BatchNormProblem:
    """Batch normalisation of (C, M): M values of each channel of an image, 1 for a vector (C,)."""

    op: ClassVar[str] = "batch_norm"
    kernels: ClassVar[type[NamedTuple]] = BatchNormKernels
    channels: int
    values: int
    dtype: str = "float32"

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(C, M)"""
        return (self.channels, self.values)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(C, M)"""
        return (self.channels, self.values)

    @property
    def w_shape(self) -> tuple[int, ...]:
        """(C,)"""
        return (self.channels,)

    @property
    def macs(self) -> int:
        """One multiplication a value."""
        return self.channels * self.values

    @property
    def arrays(self) -> dict[str, ArrayType]:
        """Those that the kernels of other ops don't have."""
        return {
            "statistics": ArrayType((4, self.channels), self.dtype, False),
            "means": ArrayType((2, self.channels), self.dtype, False),
        }


@OPS.register("batch_norm")
class BatchNorm(Op):
    """Each channel shifted and scaled, and the gradients of that in a batch whose statistics follow from it."""

    problem = BatchNormProblem
    torch, onnx = "BatchNorm2d", "BatchNormalization"
    at_infinity = "any"

    def oracle(self, problem: BatchNormProblem, inputs: Arrays) -> Arrays:
        import numpy as np

        from nbcnn.kernels.batch_norm import oracle

        x, dy, s = (inputs[name] for name in ("x", "dy", "statistics"))
        x, dy = np.moveaxis(x, -1, 0), np.moveaxis(dy, -1, 0)
        dw, db = oracle.grad_weight(x, dy, s)
        dx = oracle.grad_input(x, dy, s, inputs["means"])
        y = oracle.normalised(x, s, inputs["b"])
        return {"y": np.moveaxis(y, 0, -1), "dx": np.moveaxis(dx, 0, -1), "dw": dw, "db": db}

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """A few roundings of what is subtracted, times the factors; of a sum as many as it has terms."""
        import numpy as np

        s, m, b = (np.abs(inputs[name])[..., None, None] for name in ("statistics", "means", "b"))
        x, dy = (np.abs(inputs[name]) for name in ("x", "dy"))
        products = dy * (x + s[0])
        terms = 8 + x.shape[1]  # a lane's numbers, then the lanes two by two
        return {
            "y": 8 * eps * ((x + s[0]) * s[2] + b) + tiny,
            "dx": 8 * eps * s[2] * (dy + m[1] + (x + s[0]) * s[1] * m[0]) + tiny,
            "dw": terms * eps * (products.sum((1, 2)) * s[1, :, 0, 0]) + tiny,
            "db": terms * eps * dy.sum((1, 2)) + tiny,
        }

    def cases(self) -> Iterator[Case]:
        for channels in (1, 2, 3, 5, 16, 17):
            for values in (1, 2, 3, 4, 7, 16, 35, 63):
                yield Case(BatchNormProblem(channels, values))

    def tiny(self) -> list[Any]:
        return [BatchNormProblem(3, 7, "float64")]

    def busy(self) -> list[Any]:
        return [BatchNormProblem(8, 200)]

    def small(self) -> list[Any]:
        return [BatchNormProblem(3, 4)]

    def words(self, problem: BatchNormProblem, bias: bool) -> str:
        return f"{problem.channels} channels of {problem.values} values ({problem.dtype})"

    def layers(self, backend: str) -> list[list[Any]]:
        head = {"conv2d": {"out_channels": 2, "kernel_size": 3}}
        norm = {"batch_norm2d": {"backend": backend}}
        return [[head, norm, "tanh", "flatten", {"linear": {"out_features": 3}}]]
