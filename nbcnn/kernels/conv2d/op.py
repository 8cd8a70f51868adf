"""The op conv2d: equations (1) to (5) of docs/math.md."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d._edge_cases import EDGE_CASES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.op import SIZES, STRIDES, Arrays, Case, Op, onnx_window, roundings, window_step, window_words
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.shapes import four_sides

KERNELS = ((1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (1, 3), (3, 2))
PADDINGS: tuple[int | str, ...] = (0, 1, 2, "same")
DILATIONS = (1, 2)
GROUPS: tuple[int | str, ...] = (1, 2, "C")
CHANNELS: dict[int | str, tuple[int, int]] = {1: (3, 5), 2: (4, 6), "C": (3, 6)}
"""By groups: input and output channels; odd ones, and two outputs for each channel of its own group."""


@OPS.register("conv2d")
class Conv2d(Op):
    """Cross-correlation with learned kernels."""

    problem = Conv2dProblem
    torch, onnx = "Conv2d", "Conv"

    def oracle(self, problem: Conv2dProblem, inputs: Arrays) -> Arrays:
        from nbcnn.kernels.conv2d import oracle
        from nbcnn.kernels.oracle import images, pack

        p, w = problem, inputs["w"]
        x, dy, numbers = images(inputs["x"]), images(inputs["dy"]), (p.stride, p.padding, p.dilation, p.groups)
        return {
            "y": pack(oracle.conv2d(x, w, inputs["b"], *numbers)),
            "dx": pack(oracle.conv2d_grad_input(dy, w, (p.height, p.width), *numbers)),
            "dw": oracle.conv2d_grad_weight(x, dy, p.kernel_size, *numbers),
            "db": oracle.conv2d_grad_bias(dy),
        }

    def terms(self, problem: Conv2dProblem) -> dict[str, int]:
        p, pixels = problem, roundings(LANES, *problem.y_shape[1:])
        return {
            "y": roundings(p.w_shape[1], *p.kernel_size) + 1,
            "dx": max(2, roundings(p.out_channels // p.groups, *p.kernel_size)),
            "dw": pixels,
            "db": pixels,
        }

    def cases(self) -> Iterator[Case]:
        axes = product(KERNELS, STRIDES, PADDINGS, DILATIONS, GROUPS)
        for number, (kernel, step, padding, apart, groups) in enumerate(axes):
            (C, O), size = CHANNELS[groups], SIZES[number % len(SIZES)]
            stride, dilation = (step, step), (apart, apart)
            sides = four_sides(
                padding if isinstance(padding, str) else (padding, padding), size, kernel, stride, dilation
            )
            count = C if isinstance(groups, str) else groups
            problem = Conv2dProblem(C, O, *size, kernel, stride, sides, dilation, count)
            yield Case(problem)
            yield Case(problem, bias=False)

    def edge_cases(self) -> dict[str, Any]:
        return dict(EDGE_CASES)

    def tiny(self) -> list[Any]:
        return [
            Conv2dProblem(2, 3, 4, 3, (1, 1), dtype="float64"),
            Conv2dProblem(1, 2, 5, 4, (3, 3), dtype="float64"),
            Conv2dProblem(2, 2, 4, 5, (3, 3), padding=(1, 1, 1, 1), dtype="float64"),
            Conv2dProblem(2, 3, 6, 5, (3, 5), (2, 3), (1, 0, 3, 2), dtype="float64"),
            Conv2dProblem(4, 2, 6, 5, (3, 2), (2, 1), (1, 2, 0, 1), (2, 2), 2, dtype="float64"),
            Conv2dProblem(2, 4, 3, 4, (2, 2), groups=2, dtype="float64"),
            Conv2dProblem(1, 1, 6, 5, (5, 5), padding=(2, 2, 2, 2), dtype="float64"),
        ]

    def busy(self) -> list[Any]:
        return [
            Conv2dProblem(4, 6, 20, 20, (3, 3), padding=(1, 1, 1, 1)),
            Conv2dProblem(4, 6, 20, 20, (3, 3)),
            Conv2dProblem(4, 6, 20, 20, (5, 5), padding=(2, 2, 2, 2)),
            Conv2dProblem(4, 6, 20, 20, (3, 3), (2, 2), (1, 1, 1, 1), groups=2),
            Conv2dProblem(6, 9, 20, 20, (1, 1)),
            Conv2dProblem(6, 6, 20, 20, (3, 3), padding=(1, 1, 1, 1), groups=6),
        ]

    def long_sums(self) -> list[Any]:
        return [
            Conv2dProblem(10000, 1, 1, 1, (1, 1)),
            Conv2dProblem(1, 10000, 1, 1, (1, 1)),
            Conv2dProblem(1, 1, 100, 100, (1, 1)),
            Conv2dProblem(1, 1, 1, 10000, (1, 1)),
            Conv2dProblem(1, 1, 128, 64, (128, 64)),
            Conv2dProblem(1, 1, 1, 8192, (1, 8192)),
            Conv2dProblem(1200, 1, 3, 3, (3, 3)),
        ]

    def small(self) -> list[Any]:
        return [
            Conv2dProblem(2, 2, 4, 5, (3, 3), padding=(1, 1, 1, 1)),
            Conv2dProblem(2, 2, 3, 4, (1, 1)),
            Conv2dProblem(2, 2, 6, 7, (3, 3)),
            Conv2dProblem(2, 2, 7, 8, (5, 5), padding=(2, 2, 2, 2)),
            Conv2dProblem(2, 2, 6, 7, (3, 3), (2, 2), (1, 1, 1, 1)),
            Conv2dProblem(2, 2, 6, 7, (3, 3), (1, 1), (2, 2, 2, 2), (2, 2)),
            Conv2dProblem(2, 2, 6, 7, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 2),
        ]

    def words(self, problem: Conv2dProblem, bias: bool) -> str:
        p, text = problem, f"{window_words(problem)} groups {problem.groups}, {'bias' if bias else 'no bias'}"
        return f"{text} ({p.in_channels}→{p.out_channels} channels, {p.height}×{p.width} pixels, {p.dtype})"

    def layers(self, backend: str) -> list[list[Any]]:
        """With windows that most backends can do, likely ones first."""
        windows: tuple[dict[str, Any], ...] = (
            {"kernel_size": 3, "padding": 1},
            {"kernel_size": 3},
            {"kernel_size": 1},
            {"kernel_size": 5, "padding": 2},
            {"kernel_size": 2, "stride": 2},
        )
        tail = ["tanh", "flatten", {"linear": {"out_features": 3}}]
        return [[{"conv2d": {"out_channels": 4, "backend": backend, **window}}, *tail] for window in windows]

    def step(self, problem: Conv2dProblem) -> dict[str, Any]:
        own = {"channels": [problem.in_channels, problem.out_channels], "groups": problem.groups}
        return {**super().step(problem), **own, **window_step(problem)}

    def onnx_node(self, step: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        return self.onnx, {**onnx_window(step), "dilations": step["dilation"], "group": step["groups"]}
