"""Average pooling."""

from __future__ import annotations

from nbcnn.kernels.contract import Fixed, PlainKernels, Pool2dProblem, SimpleBackend
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, splat, store
from nbcnn.kernels.registry import register


@kernel
def forward(x, y, work, numbers):
    """x (C, H, W) -> y (C, OH, OW); ``whole``: padding zeros count in the divisor."""
    (KH, KW), (SH, SW), (top, left), whole = numbers
    C, H, W = x.shape[:3]
    zero = splat(x.dtype.type(0))
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                a0, a1, k0, k1 = max(r, 0), min(r + KH, H), max(q, 0), min(q + KW, W)
                s = zero
                for a in range(a0, a1):
                    for k in range(k0, k1):
                        s += load(x, (c, a, k))
                store(y, (c, i, j), s / (KH * KW if whole else (a1 - a0) * (k1 - k0)))  # equation (7)


@kernel
def grad_input(x, y, dy, dx, work, numbers):
    """Every pixel of a window gets its share of dy; windows may overlap."""
    (KH, KW), (SH, SW), (top, left), whole = numbers
    C, H, W = dx.shape[:3]
    dx[:] = 0
    for c in range(C):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                r, q = i * SH - top, j * SW - left
                a0, a1, k0, k1 = max(r, 0), min(r + KH, H), max(q, 0), min(q + KW, W)
                share = load(dy, (c, i, j)) / (KH * KW if whole else (a1 - a0) * (k1 - k0))
                for a in range(a0, a1):
                    for k in range(k0, k1):
                        store(dx, (c, a, k), load(dx, (c, a, k)) + share)


@register("avg_pool2d")
class Direct(SimpleBackend):
    """the formula, 16 images at once"""

    def build(self, problem: Pool2dProblem) -> PlainKernels:
        """Bind the window."""
        p = problem
        numbers = (p.kernel_size, p.stride, p.padding[::2], int(p.count_include_pad))
        return PlainKernels(Fixed(forward, numbers), Fixed(grad_input, numbers))
