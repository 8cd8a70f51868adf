"""Max pooling. Padding never wins: windows are clipped to the image. NaN wins, so that a diverged run shows."""

from __future__ import annotations

from nbcnn.kernels.contract import Fixed, PlainKernels, Pool2dProblem, SimpleBackend
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, maximum, splat, store, where
from nbcnn.kernels.registry import register


@kernel
def forward(x, y, work, window):
    """x (C, H, W) -> y (C, OH, OW)"""
    (KH, KW), (SH, SW), (top, left) = window
    C, H, W = x.shape[:3]
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                s = load(x, (c, max(r, 0), max(q, 0)))
                for a in range(max(r, 0), min(r + KH, H)):
                    for k in range(max(q, 0), min(q + KW, W)):
                        s = maximum(s, load(x, (c, a, k)))  # equation (6)
                store(y, (c, i, j), s)


@kernel
def grad_input(x, y, dy, dx, work, window):
    """The gradient goes to the first pixel of the window that is the largest; windows may overlap."""
    (KH, KW), (SH, SW), (top, left) = window
    C, H, W = x.shape[:3]
    dx[:] = 0
    zero = splat(dx.dtype.type(0))
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                largest = load(y, (c, i, j))
                rest = load(dy, (c, i, j))
                for a in range(max(r, 0), min(r + KH, H)):
                    for k in range(max(q, 0), min(q + KW, W)):
                        pixel = load(x, (c, a, k))
                        hit = (pixel == largest) | (pixel != pixel)
                        store(dx, (c, a, k), load(dx, (c, a, k)) + where(hit, rest, zero))
                        rest = where(hit, zero, rest)


@register("max_pool2d")
class Direct(SimpleBackend):
    """the formula, 16 images at once"""

    def build(self, problem: Pool2dProblem) -> PlainKernels:
        """Bind the window."""
        window = (problem.kernel_size, problem.stride, problem.padding[::2])
        return PlainKernels(Fixed(forward, window), Fixed(grad_input, window))
