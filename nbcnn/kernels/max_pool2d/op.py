"""The op max_pool2d: equation (6) of docs/math.md."""

from __future__ import annotations

from math import prod
from typing import Any

from nbcnn.kernels.op import Arrays
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.pooling import Pool2dProblem, PoolingOp


@OPS.register("max_pool2d")
class MaxPool2d(PoolingOp):
    """The largest pixel of each window."""

    torch, onnx = "MaxPool2d", "MaxPool"
    signed = ("x",)
    ways = ({}, {"dilation": (2, 2)})

    def oracle(self, problem: Pool2dProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.max_pool2d import oracle
        from nbcnn.kernels.oracle import images, pack

        p, x, dy = problem, images(inputs["x"]), images(inputs["dy"])
        window = (p.kernel_size, p.stride, p.padding, p.dilation, p.ceil_mode)
        return {"y": pack(oracle.max_pool2d(x, *window)), "dx": pack(oracle.max_pool2d_grad(x, dy, *window))}

    def terms(self, problem: Pool2dProblem) -> dict[str, int]:
        return {"y": 1, "dx": max(2, prod(problem.kernel_size))}

    def tiny(self) -> list[Any]:
        far = Pool2dProblem(self.name, 1, 6, 5, (2, 2), (2, 1), dtype="float64", dilation=(2, 3), ceil_mode=True)
        return [*super().tiny(), far]

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        kind, attributes = super().onnx_node(step)
        return kind, {**attributes, "dilations": step["dilation"]}
