"""Average pooling to a given size, of a pack and of one image: each window's sum in its order, in blocks where long."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.adaptive_avg_pool2d.op import AdaptivePool2dProblem
from nbcnn.kernels.contract import OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, splat, store
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes


@kernel
def window_at(i, size, count):
    """The first row (column) of window i of ``count``, and the one behind its last."""
    return i * size // count, -(-(i + 1) * size // count)


@kernel
def forward(x, y, scratch):
    """x (C, H, W) -> y (C, OH, OW)"""
    (H, W), (C, OH, OW), zero = x.shape[1:3], y.shape[:3], splat(x.dtype.type(0))
    for c in range(C):
        for i in range(OH):
            r0, r1 = window_at(i, H, OH)
            for j in range(OW):
                q0, q1 = window_at(j, W, OW)
                terms = (1, r1 - r0, q1 - q0)
                block = block_sizes(terms)
                s = total = zero
                for n in range(block_count(terms, block)):
                    _, (a0, a1), (k0, k1) = block_at(n, terms, block)
                    for r in range(r0 + a0, r0 + a1):
                        for q in range(q0 + k0, q0 + k1):
                            s += load(x, (c, r, q))
                    s, total = zero, s if n == 0 else total + s
                store(y, (c, i, j), total / ((r1 - r0) * (q1 - q0)))  # equation (49)


@kernel
def one_image(x, y, scratch):
    """The same for one image, one window after the other."""
    (H, W), (C, OH, OW), zero = x.shape[1:3], y.shape[:3], x.dtype.type(0)
    for c in range(C):
        for i in range(OH):
            r0, r1 = window_at(i, H, OH)
            for j in range(OW):
                q0, q1 = window_at(j, W, OW)
                terms = (1, r1 - r0, q1 - q0)
                block = block_sizes(terms)
                s = total = zero
                for n in range(block_count(terms, block)):
                    _, (a0, a1), (k0, k1) = block_at(n, terms, block)
                    for r in range(r0 + a0, r0 + a1):
                        for q in range(q0 + k0, q0 + k1):
                            s += x[c, r, q]
                    s, total = zero, s if n == 0 else total + s
                y[c, i, j] = total / x.dtype.type((r1 - r0) * (q1 - q0))


@kernel
def grad_input(x, y, dy, dx, scratch):
    """Every pixel of a window gets its share of dy; neighbouring windows may overlap."""
    (H, W), (C, OH, OW) = dx.shape[1:3], dy.shape[:3]
    dx[:] = 0
    for c in range(C):
        for i in range(OH):
            r0, r1 = window_at(i, H, OH)
            for j in range(OW):
                q0, q1 = window_at(j, W, OW)
                share = load(dy, (c, i, j)) / ((r1 - r0) * (q1 - q0))
                for r in range(r0, r1):
                    for q in range(q0, q1):
                        store(dx, (c, r, q), load(dx, (c, r, q)) + share)


@register("adaptive_avg_pool2d")
class Direct(SimpleBackend):
    """the formula, 16 images at once"""

    def build(self, problem: AdaptivePool2dProblem) -> ParameterFreeKernels:
        """Nothing to bind: the sizes are those of the arrays."""
        return ParameterFreeKernels(forward, grad_input)

    def single(self, problem: AdaptivePool2dProblem) -> OneImage:
        """Window by window."""
        return OneImage(one_image)
