"""Average pooling of a pack, forward and gradient: equation (7) of docs/math.md."""

from __future__ import annotations

from typing import Any

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.avg_pool2d._window import divisor
from nbcnn.kernels.contract import KernelWithAttributes, OneImage, ParameterFreeKernels
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import register
from nbcnn.lanes import load, splat, store
from nbcnn.lanes.block_sums import BLOCK, block_at, block_count, block_sizes, blocks_met


@kernel
def forward(x, y, scratch, attributes):
    """x (C, H, W) -> y (C, OH, OW); attributes: kernel size, stride, padding and how to count, see ``divisor``."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = attributes
    C, H, W = x.shape[:3]
    zero = splat(x.dtype.type(0))
    _, rows, columns = block_sizes((1, KH, KW))
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                s = total = zero
                u0, u1 = blocks_met(r, KH, rows, H)
                v0, v1 = blocks_met(q, KW, columns, W)
                for u in range(u0, u1):  # blocks: one, but for windows of more than 1024 pixels
                    for v in range(v0, v1):
                        for a in range(max(r + u * rows, 0), min(r + min((u + 1) * rows, KH), H)):
                            for k in range(max(q + v * columns, 0), min(q + min((v + 1) * columns, KW), W)):
                                s += load(x, (c, a, k))
                        s, total = zero, s if u + v == 0 else total + s
                store(y, (c, i, j), total / divisor(r, q, H, W, attributes))  # equation (7)


@kernel
def grad_input(x, y, dy, dx, scratch, attributes):
    """Every pixel of a window gets its share of dy; windows may overlap."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = attributes
    C, H, W = dx.shape[:3]
    if -(-KH // SH) * -(-KW // SW) > BLOCK:
        from_many_windows(dy, dx, attributes)
        return
    dx[:] = 0
    for c in range(C):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                r, q = i * SH - top, j * SW - left
                share = load(dy, (c, i, j)) / divisor(r, q, H, W, attributes)
                for a in range(max(r, 0), min(r + KH, H)):
                    for k in range(max(q, 0), min(q + KW, W)):
                        store(dx, (c, a, k), load(dx, (c, a, k)) + share)


@kernel
def from_many_windows(dy, dx, attributes):
    """The same, pixel by pixel, where so many windows meet one that its sum has to be taken in blocks."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = attributes
    C, H, W = dx.shape[:3]
    zero = splat(dx.dtype.type(0))
    for c in range(C):
        for r in range(H):
            first_i, i_stop = max(0, -((KH - 1 - r - top) // SH)), min(dy.shape[1], (r + top) // SH + 1)
            for q in range(W):
                first_j, j_stop = max(0, -((KW - 1 - q - left) // SW)), min(dy.shape[2], (q + left) // SW + 1)
                terms = (1, max(1, i_stop - first_i), max(1, j_stop - first_j))
                block = block_sizes(terms)
                s = total = zero
                for n in range(block_count(terms, block)):
                    _, (i0, i1), (j0, j1) = block_at(n, terms, block)
                    for i in range(first_i + i0, min(first_i + i1, i_stop)):
                        for j in range(first_j + j0, min(first_j + j1, j_stop)):
                            s += load(dy, (c, i, j)) / divisor(i * SH - top, j * SW - left, H, W, attributes)
                    s, total = zero, s if n == 0 else total + s
                store(dx, (c, r, q), total)


@register("avg_pool2d")
class Direct:
    """the formula, 16 images at once"""

    def supports(self, problem: Pool2dProblem) -> str | None:
        """Everything but dilation."""
        if problem.dilation != (1, 1):
            return f"dilation is {problem.dilation}, it can only do (1, 1)"
        return None

    def workspace(self, problem: Pool2dProblem) -> int:
        """None."""
        return 0

    def build(self, problem: Pool2dProblem) -> ParameterFreeKernels:
        """Bind the window."""
        attributes = _numbers(problem)
        return ParameterFreeKernels(
            KernelWithAttributes(forward, attributes), KernelWithAttributes(grad_input, attributes)
        )

    def single(self, problem: Pool2dProblem) -> OneImage:
        """16 windows at once, unless there are fewer."""
        from nbcnn.kernels.avg_pool2d import _one_image  # a training has no use for it

        return _one_image.kernel_of(problem, _numbers(problem))


def _numbers(p: Pool2dProblem) -> tuple[Any, ...]:
    """What the kernels have to know; where all windows are whole, their size is the divisor that is given."""
    (KH, KW), (_, H, W), (_, OH, OW) = p.kernel_size, p.x_shape, p.y_shape
    whole = p.padding == (0, 0, 0, 0) and (OH - 1) * p.stride[0] + KH <= H and (OW - 1) * p.stride[1] + KW <= W
    return p.kernel_size, p.stride, p.padding, (int(p.count_include_pad), p.divisor_override or whole * KH * KW)
