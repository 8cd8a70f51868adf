"""Zeros around each image of a pack, or around one image; backward, they are cut off."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import KernelWithAttributes, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.padding import Pad2dProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, splat, store


@kernel
def forward(x, y, scratch, corner):
    """x (C, H, W) -> y (C, OH, OW); corner: top and left padding."""
    (top, left), zero = corner, splat(x.dtype.type(0))
    C, H, W = x.shape[:3]
    for c in range(C):
        for i in range(y.shape[1]):
            inside = top <= i < top + H
            for j in range(y.shape[2]):
                if inside and left <= j < left + W:
                    store(y, (c, i, j), load(x, (c, i - top, j - left)))  # equation (46)
                else:
                    store(y, (c, i, j), zero)


@kernel
def one_image(x, y, scratch, corner):
    """The same for one image."""
    (top, left), (C, H, W) = corner, x.shape
    y[:] = 0
    for c in range(C):
        for i in range(H):
            for j in range(W):
                y[c, top + i, left + j] = x[c, i, j]


@kernel
def grad_input(x, y, dy, dx, scratch, corner):
    """dy (C, OH, OW) -> dx (C, H, W)"""
    top, left = corner
    for c in range(dx.shape[0]):
        for r in range(dx.shape[1]):
            for q in range(dx.shape[2]):
                store(dx, (c, r, q), load(dy, (c, top + r, left + q)))


@register("zero_pad2d")
class Direct(SimpleBackend):
    """copies, 16 images at once"""

    def build(self, problem: Pad2dProblem) -> ParameterFreeKernels:
        """Bind the padding."""
        corner = problem.padding[::2]
        return ParameterFreeKernels(KernelWithAttributes(forward, corner), KernelWithAttributes(grad_input, corner))

    def single(self, problem: Pad2dProblem) -> OneImage:
        """Rows of one image."""
        return OneImage(KernelWithAttributes(one_image, problem.padding[::2]))
