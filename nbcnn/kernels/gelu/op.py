"""The op gelu: equation (43) of docs/math.md."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import Any, Literal

from nbcnn.kernels.elementwise import ActivationOp, ElementwiseProblem
from nbcnn.kernels.op import Arrays, OnnxNode
from nbcnn.kernels.ops import OPS


@dataclass(frozen=True)
class GELUProblem(ElementwiseProblem):
    """With PyTorch's word for which formula: ``none`` is the exact one, ``tanh`` the one that comes near it."""

    approximate: Literal["none", "tanh"] = "none"

    @property
    def constants(self) -> tuple[float, ...]:
        """√½ and φ(0), the density in the middle; of the other formula 2√(2/π), and the factors of x³ and its slope."""
        if self.approximate == "tanh":
            return 2 * sqrt(2 / pi), 0.044715, 3 * 0.044715
        return sqrt(1 / 2), sqrt(1 / (2 * pi))


@OPS.register("gelu")
class GELU(ActivationOp):
    """v · Φ(v), with Φ the distribution function of the normal distribution"""

    problem = GELUProblem
    torch, onnx = "GELU", "Erf"
    at_infinity = "formula"
    ways = ({}, {"approximate": "tanh"})

    def bounds(self, inputs: Arrays, values: Arrays, eps: float, tiny: float) -> Arrays:
        """Φ(v) is a half of 1 + erf: of a negative v, it loses what cancels there. The slope of a sigmoid of v³ takes
        the rounding of that power many times.
        """
        import numpy as np

        found = super().bounds(inputs, values, eps, tiny)
        cancelled = 2 * eps * np.minimum(np.abs(inputs["x"]), 6)
        return {"y": found["y"] + cancelled, "dx": found["dx"] + 32 * eps * np.abs(inputs["dy"])}

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        if step["arguments"]["approximate"] == "tanh":
            cube = [OnnxNode("Mul", ("x", "x")), OnnxNode("Mul", (0, "x")), OnnxNode("Mul", (1, 0.044715))]
            inside = [OnnxNode("Add", (2, "x")), OnnxNode("Mul", (3, sqrt(2 / pi))), OnnxNode("Tanh", (4,))]
        else:
            cube, inside = [], [OnnxNode("Mul", ("x", sqrt(1 / 2))), OnnxNode("Erf", (0,))]
        last = len(cube) + len(inside)
        end = [OnnxNode("Add", (last - 1, 1.0)), OnnxNode("Mul", ("x", last)), OnnxNode("Mul", (last + 1, 0.5))]
        return [*cube, *inside, *end]  # Gelu is of a later version
