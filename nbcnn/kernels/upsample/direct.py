"""Each pixel of a pack, or of one image, repeated; backward, the gradients of its repetitions are summed."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.avg_pool2d.direct import forward as windows_divided
from nbcnn.kernels.contract import KernelWithAttributes, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.registry import register
from nbcnn.kernels.upsample.op import UpsampleProblem
from nbcnn.lanes import load, splat, store
from nbcnn.lanes.block_sums import BLOCK


@kernel
def forward(x, y, scratch, factors):
    """x (C, H, W) -> y (C, SH·H, SW·W)"""
    SH, SW = factors
    C, H, W = x.shape[:3]
    for c in range(C):
        for i in range(SH * H):
            for q in range(W):
                v = load(x, (c, i // SH, q))
                for j in range(SW * q, SW * (q + 1)):
                    store(y, (c, i, j), v)  # equation (48)


@kernel
def one_image(x, y, scratch, factors):
    """The same for one image."""
    SH, SW = factors
    C, H, W = x.shape
    for c in range(C):
        for i in range(SH * H):
            for q in range(W):
                for j in range(SW * q, SW * (q + 1)):
                    y[c, i, j] = x[c, i // SH, q]


@kernel
def grad_input(x, y, dy, dx, scratch, factors):
    """dy (C, SH·H, SW·W) -> dx (C, H, W): windows that tile dy are summed, long sums by equation (7) with D = 1."""
    SH, SW = factors
    if SH * SW > BLOCK:
        windows_divided(dy, dx, scratch, (factors, factors, (0, 0, 0, 0), (0, 1)))
        return
    for c in range(dx.shape[0]):
        for r in range(dx.shape[1]):
            for q in range(dx.shape[2]):
                s = splat(dx.dtype.type(0))
                for i in range(SH * r, SH * (r + 1)):
                    for j in range(SW * q, SW * (q + 1)):
                        s += load(dy, (c, i, j))
                store(dx, (c, r, q), s)


@register("upsample")
class Direct(SimpleBackend):
    """copies, 16 images at once"""

    def build(self, problem: UpsampleProblem) -> ParameterFreeKernels:
        """Bind the factors."""
        factors = problem.scale_factor
        return ParameterFreeKernels(KernelWithAttributes(forward, factors), KernelWithAttributes(grad_input, factors))

    def single(self, problem: UpsampleProblem) -> OneImage:
        """Pixel by pixel."""
        return OneImage(KernelWithAttributes(one_image, problem.scale_factor))
