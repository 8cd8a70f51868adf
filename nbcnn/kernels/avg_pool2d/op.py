"""The op avg_pool2d: equation (7) of docs/math.md."""

from __future__ import annotations

from typing import Any

from nbcnn.errors import PeerError
from nbcnn.kernels.op import Arrays, roundings
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.pooling import Pool2dProblem, PoolingOp


@OPS.register("avg_pool2d")
class AvgPool2d(PoolingOp):
    """The mean of each window."""

    torch, onnx = "AvgPool2d", "AveragePool"
    ways = ({}, {"count_include_pad": False}, {"divisor_override": 3})

    def oracle(self, problem: Pool2dProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.avg_pool2d import oracle
        from nbcnn.kernels.oracle import images, pack

        p, x, dy = problem, images(inputs["x"]), images(inputs["dy"])
        window = (p.kernel_size, p.stride, p.padding, p.count_include_pad, p.ceil_mode, p.divisor_override)
        dx = oracle.avg_pool2d_grad(dy, (p.height, p.width), *window)
        return {"y": pack(oracle.avg_pool2d(x, *window)), "dx": pack(dx)}

    def terms(self, problem: Pool2dProblem) -> dict[str, int]:
        return dict.fromkeys(("y", "dx"), roundings(1, *problem.kernel_size) + 2)

    def tiny(self) -> list[Any]:
        numbers = (1, 6, 5, (3, 3), (2, 2), (1, 1, 1, 1))
        return [*super().tiny(), Pool2dProblem(self.name, *numbers, dtype="float64", ceil_mode=True)]

    def long_sums(self) -> list[Any]:
        return [Pool2dProblem(self.name, 1, *size, size, size) for size in ((100, 100), (1, 10000), (10000, 1))]

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        if step["divisor_override"] is not None:
            raise PeerError("ONNX has no avg_pool2d with divisor_override; leave out --against onnxruntime")
        kind, attributes = super().onnx_node(step)
        return kind, {**attributes, "count_include_pad": int(step["count_include_pad"])}
