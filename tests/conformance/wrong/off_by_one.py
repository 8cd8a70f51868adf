"""A wrong backend: it takes the last column of the image for padding."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import KernelWithAttributes, WeightedKernels
from nbcnn.kernels.conv2d.naive import Naive
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, splat, store


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW)"""
    stride, padding, dilation, groups = attributes
    H, W = x.shape[1:3]
    O, CG, KH, KW = w.shape
    for o in range(O):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                s = splat(b[o])
                for c in range(CG):
                    for a in range(KH):
                        for k in range(KW):
                            r = i * stride[0] + a * dilation[0] - padding[0]
                            q = j * stride[1] + k * dilation[1] - padding[1]
                            if 0 <= r < H and 0 <= q < W - 1:
                                pixel = load(x, (o // (O // groups) * CG + c, r, q))
                                s += pixel * w[o, c, a, k]
                store(y, (o, i, j), s)


@register("conv2d")
class OffByOne(Naive):
    """one column too few"""

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        attributes = (problem.stride, problem.padding[::2], problem.dilation, problem.groups)
        return super().build(problem)._replace(forward=KernelWithAttributes(forward, attributes))
