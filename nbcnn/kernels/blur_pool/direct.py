"""Anti-aliased subsampling of a pack and of one image: a binomial filter with stride."""

from __future__ import annotations

from typing import Any

from nbcnn.compiler.jit import kernel
from nbcnn.kernels._reflection import reflected
from nbcnn.kernels.blur_pool.op import BlurPoolProblem
from nbcnn.kernels.contract import KernelWithAttributes, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, splat, store


@kernel
def forward(x, y, scratch, attributes):
    """x (C, H, W) -> y (C, OH, OW); attributes: see ``_attributes``."""
    b, whole, half, (SH, SW) = attributes
    C, H, W = x.shape[:3]
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                s = splat(x.dtype.type(0))
                for a in range(len(b)):
                    r = reflected(i * SH + a - half, H)
                    for k in range(len(b)):
                        s += load(x, (c, r, reflected(j * SW + k - half, W))) * (b[a] * b[k])
                store(y, (c, i, j), s / whole)  # equation (50)


@kernel
def one_image(x, y, scratch, attributes):
    """The same for one image, sum by sum: a product and its sum are rounded once, as in lanes."""
    b, whole, half, (SH, SW) = attributes
    C, H, W = x.shape
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                s = x.dtype.type(0)
                for a in range(len(b)):
                    r = reflected(i * SH + a - half, H)
                    for k in range(len(b)):
                        s += x[c, r, reflected(j * SW + k - half, W)] * x.dtype.type(b[a] * b[k])
                y[c, i, j] = s / x.dtype.type(whole)


@kernel
def grad_input(x, y, dy, dx, scratch, attributes):
    """Every tap's pixel gets its share of dy."""
    b, whole, half, (SH, SW) = attributes
    C, H, W = dx.shape[:3]
    dx[:] = 0
    for c in range(C):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                share = load(dy, (c, i, j)) / whole
                for a in range(len(b)):
                    r = reflected(i * SH + a - half, H)
                    for k in range(len(b)):
                        q = reflected(j * SW + k - half, W)
                        store(dx, (c, r, q), load(dx, (c, r, q)) + share * (b[a] * b[k]))


@register("blur_pool")
class Direct(SimpleBackend):
    """the formula, 16 images at once"""

    def build(self, problem: BlurPoolProblem) -> ParameterFreeKernels:
        """Bind the filter."""
        attributes = _attributes(problem)
        return ParameterFreeKernels(
            KernelWithAttributes(forward, attributes), KernelWithAttributes(grad_input, attributes)
        )

    def single(self, problem: BlurPoolProblem) -> OneImage:
        """Pixel by pixel."""
        return OneImage(KernelWithAttributes(one_image, _attributes(problem)))


def _attributes(problem: BlurPoolProblem) -> tuple[Any, ...]:
    """Binomial numbers, the sum of all products of two, half of the filter, stride."""
    return problem.binomial, sum(problem.binomial) ** 2, problem.taps // 2, problem.stride
