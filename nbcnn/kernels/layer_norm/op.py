"""The op layer_norm: equations (51) and (52) of docs/math.md."""

from __future__ import annotations

from math import prod
from typing import Any

from nbcnn.kernels.normalization import NormOp, NormProblem
from nbcnn.kernels.op import Arrays, OnnxNode
from nbcnn.kernels.ops import OPS


class LayerNormProblem(NormProblem):
    """A weight for each number."""

    @property
    def weights(self) -> int:
        """All"""
        return prod(self.shape)


@OPS.register("layer_norm")
class LayerNorm(NormOp):
    """All numbers of an image, to mean 0 and variance 1, times weights and plus biases of their own."""

    torch, onnx = "LayerNorm", "LayerNormalization"

    problem = LayerNormProblem

    def sizes(self) -> list[tuple[int, tuple[int, ...]]]:
        images = ((4,), (2, 1, 3), (12,), (2, 3, 4), (2,), (1, 4, 4), (17,), (130,), (11, 10, 10))
        return [(1, image) for image in images]

    def oracle(self, problem: NormProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.layer_norm import oracle

        x, dy, w = inputs["x"][:, 0].T, inputs["dy"][:, 0].T, inputs["w"]
        dx, dw, db = oracle.layer_norm_grad(x, dy, w, problem.eps)
        y = oracle.layer_norm(x, w, inputs["b"], problem.eps)
        return {"y": y.T[:, None], "dx": dx.T[:, None], "dw": dw, "db": db}

    def layers(self, backend: str) -> list[list[Any]]:
        head, own = {"conv2d": {"out_channels": 2, "kernel_size": 3}}, {"layer_norm": {"backend": backend}}
        return [[head, own, "tanh", "flatten", {"linear": {"out_features": 3}}]]

    def step(self, problem: NormProblem) -> dict[str, Any]:
        return {**super().step(problem), "arguments": {"eps": problem.eps}}

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        way = {"axis": 1, "epsilon": step["arguments"]["eps"]}
        if step.get("weight"):
            return [OnnxNode("LayerNormalization", ("x", "weight", "bias"), way)]
        shape = step["shape"]
        ones = OnnxNode("Reshape", ([1.0] * prod(shape), shape))
        return [ones, OnnxNode("LayerNormalization", ("x", 0), way)]
