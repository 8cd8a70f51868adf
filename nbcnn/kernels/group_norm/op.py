"""The op group_norm: equations (51) and (52) of docs/math.md."""

from __future__ import annotations

from typing import Any

from nbcnn.kernels.normalization import NormOp, NormProblem
from nbcnn.kernels.op import Arrays, OnnxNode
from nbcnn.kernels.ops import OPS


class GroupNormProblem(NormProblem):
    """A weight for each channel."""

    @property
    def weights(self) -> int:
        """C"""
        return self.shape[0]


@OPS.register("group_norm")
class GroupNorm(NormOp):
    """Each group of channels of an image, to mean 0 and variance 1, times weights and plus biases of channels."""

    torch, onnx = "GroupNorm", "InstanceNormalization"

    problem = GroupNormProblem

    def sizes(self) -> list[tuple[int, tuple[int, ...]]]:
        images = ((1, (2, 2, 3)), (2, (4, 3, 1)), (3, (3, 1, 4)), (2, (6,)), (4, (8, 4, 5)), (1, (17, 4, 4)))
        return [*images, (2, (2, 5, 7)), (5, (10, 13, 10)), (1, (3, 20, 20))]

    def oracle(self, problem: NormProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.group_norm import oracle

        x, dy, own = inputs["x"], inputs["dy"], (problem.groups, problem.eps)
        dx, dw, db = oracle.group_norm_grad(x, dy, inputs["w"], *own)
        return {"y": oracle.group_norm(x, inputs["w"], inputs["b"], *own), "dx": dx, "dw": dw, "db": db}

    def layers(self, backend: str) -> list[list[Any]]:
        head = {"conv2d": {"out_channels": 4, "kernel_size": 2}}
        own = {"group_norm": {"num_groups": 2, "backend": backend}}
        return [[head, own, "tanh", "flatten", {"linear": {"out_features": 3}}]]

    def step(self, problem: NormProblem) -> dict[str, Any]:
        own = {"num_groups": problem.groups, "num_channels": problem.weights, "eps": problem.eps}
        return {**super().step(problem), "arguments": own}

    def onnx_nodes(self, step: dict[str, Any]) -> list[OnnxNode]:
        """Instance normalisation of groups as channels; GroupNormalization is of a later version."""
        own, shape = step["arguments"], step["shape"]
        groups = own["num_groups"]
        nodes = [
            OnnxNode("Reshape", ("x", [0, groups, -1])),
            OnnxNode("InstanceNormalization", (0, [1.0] * groups, [0.0] * groups), {"epsilon": own["eps"]}),
            OnnxNode("Reshape", (1, [0, *shape])),
        ]
        if step.get("weight"):
            for_each = [shape[0], *[1] * (len(shape) - 1)]
            nodes += [OnnxNode("Reshape", ("weight", for_each)), OnnxNode("Mul", (2, 3))]
            nodes += [OnnxNode("Reshape", ("bias", for_each)), OnnxNode("Add", (4, 5))]
        return nodes
