"""The op linear: equations (8) to (10) of docs/math.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar, NamedTuple

from nbcnn.kernels.contract import LANES, WeightedKernels
from nbcnn.kernels.op import Arrays, Case, Op, roundings
from nbcnn.kernels.ops import OPS


@dataclass(frozen=True)
class LinearProblem:
    """y = W x + b, equation (8): x (F,) with w (O, F) to y (O,)."""

    op: ClassVar[str] = "linear"
    kernels: ClassVar[type[NamedTuple]] = WeightedKernels
    in_features: int
    out_features: int
    dtype: str = "float32"

    @property
    def x_shape(self) -> tuple[int, ...]:
        """(F,)"""
        return (self.in_features,)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """(O,)"""
        return (self.out_features,)

    @property
    def w_shape(self) -> tuple[int, ...]:
        """(O, F)"""
        return (self.out_features, self.in_features)

    @property
    def macs(self) -> int:
        """Multiply-accumulate steps for one image."""
        return self.in_features * self.out_features


@OPS.register("linear")
class Linear(Op):
    """A fully connected layer."""

    problem = LinearProblem
    torch, onnx = "Linear", "Gemm"

    def oracle(self, problem: LinearProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.linear import oracle

        x, dy, w = inputs["x"].T, inputs["dy"].T, inputs["w"]
        return {
            "y": oracle.linear(x, w, inputs["b"]).T,
            "dx": oracle.linear_grad_input(dy, w).T,
            "dw": oracle.linear_grad_weight(x, dy),
            "db": dy.astype("float64").sum(0),
        }

    def terms(self, problem: LinearProblem) -> dict[str, int]:
        inside, outside = roundings(problem.in_features), roundings(problem.out_features)
        return {"y": inside + 1, "dx": max(2, outside), "dw": LANES, "db": LANES}

    def cases(self) -> Iterator[Case]:
        features, outputs = (1, 2, 3, 7, 8, 15, 16, 17, 33, 40), (1, 2, 3, 7, 8, 9, 16, 17)
        for sizes in product(features, outputs):
            yield Case(LinearProblem(*sizes))
            yield Case(LinearProblem(*sizes), bias=False)

    def tiny(self) -> list[Any]:
        return [LinearProblem(5, 4, "float64"), LinearProblem(18, 5, "float64")]

    def busy(self) -> list[Any]:
        return [LinearProblem(200, 50)]

    def long_sums(self) -> list[Any]:
        return [LinearProblem(10000, 1), LinearProblem(10001, 17), LinearProblem(1, 10000)]

    def small(self) -> list[Any]:
        return [LinearProblem(3, 2)]

    def words(self, problem: LinearProblem, bias: bool) -> str:
        sizes = f"{problem.in_features}→{problem.out_features}"
        return f"{sizes}, {'bias' if bias else 'no bias'} ({problem.dtype})"

    def layers(self, backend: str) -> list[list[Any]]:
        hidden = {"linear": {"out_features": 4, "backend": backend}}
        return [["flatten", hidden, "tanh", {"linear": {"out_features": 3}}]]

    def step(self, problem: LinearProblem) -> dict[str, Any]:
        return {**super().step(problem), "features": [problem.in_features, problem.out_features]}

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        return self.onnx, {"transB": 1}
