"""Reflections around the images of a pack, or around one image; backward, the sums of their gradients."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels._reflection import reflected
from nbcnn.kernels.contract import KernelWithAttributes, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.padding import Pad2dProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, store


@kernel
def forward(x, y, scratch, corner):
    """x (C, H, W) -> y (C, OH, OW); corner: top and left padding."""
    top, left = corner
    C, H, W = x.shape[:3]
    for c in range(C):
        for i in range(y.shape[1]):
            r = reflected(i - top, H)
            for j in range(y.shape[2]):
                store(y, (c, i, j), load(x, (c, r, reflected(j - left, W))))  # equation (47)


@kernel
def one_image(x, y, scratch, corner):
    """The same for one image."""
    top, left = corner
    C, H, W = x.shape
    for c in range(C):
        for i in range(y.shape[1]):
            r = reflected(i - top, H)
            for j in range(y.shape[2]):
                y[c, i, j] = x[c, r, reflected(j - left, W)]


@kernel
def grad_input(x, y, dy, dx, scratch, corner):
    """dy (C, OH, OW) -> dx (C, H, W)"""
    top, left = corner
    C, H, W = dx.shape[:3]
    dx[:] = 0
    for c in range(C):
        for i in range(dy.shape[1]):
            r = reflected(i - top, H)
            for j in range(dy.shape[2]):
                q = reflected(j - left, W)
                store(dx, (c, r, q), load(dx, (c, r, q)) + load(dy, (c, i, j)))


@register("reflect_pad2d")
class Direct(SimpleBackend):
    """copies, 16 images at once"""

    def build(self, problem: Pad2dProblem) -> ParameterFreeKernels:
        """Bind the padding."""
        corner = problem.padding[::2]
        return ParameterFreeKernels(KernelWithAttributes(forward, corner), KernelWithAttributes(grad_input, corner))

    def single(self, problem: Pad2dProblem) -> OneImage:
        """Pixel by pixel."""
        return OneImage(KernelWithAttributes(one_image, problem.padding[::2]))
