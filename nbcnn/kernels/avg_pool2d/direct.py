"""Average pooling."""

from __future__ import annotations

from typing import Any

from nbcnn.kernels.contract import LANES, Fixed, OneImage, PlainKernels, Pool2dProblem
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, splat, store, store_part
from nbcnn.kernels.planes import lay_out, next_row, planes_of
from nbcnn.kernels.registry import register


@kernel
def forward(x, y, work, numbers):
    """x (C, H, W) -> y (C, OH, OW); numbers: kernel size, stride, padding and how to count, see ``divisor``."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = numbers
    C, H, W = x.shape[:3]
    zero = splat(x.dtype.type(0))
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                s = zero
                for a in range(max(r, 0), min(r + KH, H)):
                    for k in range(max(q, 0), min(q + KW, W)):
                        s += load(x, (c, a, k))
                store(y, (c, i, j), s / divisor(r, q, H, W, numbers))  # equation (7)


@kernel
def one_image(x, y, work, numbers, window):
    """Forward for x (C, H, W) alone, 16 neighbouring windows at once; numbers as above, window: see planes.py."""
    (KH, KW), (SH, SW), (top, _, left, _), (_, given) = numbers
    C, H, W = x.shape
    OH, OW = y.shape[1:]
    P = OH * OW
    planes, flat = lay_out(x, work, window, x.dtype.type(0)), y.reshape((C, P))
    divisors = work[planes.size : planes.size + P + LANES]
    for p in range(P if given == 0 else 0):
        divisors[p] = divisor(p // OW * SH - top, p % OW * SW - left, H, W, numbers)
    for c in range(C):
        for p in range(0, P, LANES):
            s = splat(x.dtype.type(0))
            d, hand = p, 0
            for a in range(KH):
                for k in range(KW):
                    s += load(planes, (c, k, d))
                d, hand = next_row(d, hand, window)
            s = s / load(divisors, (p,)) if given == 0 else s / given  # equation (7)
            store_part(flat, (c, p), s, P - p)


@kernel
def few_windows(x, y, work, numbers):
    """The same, one window after the other."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = numbers
    C, H, W = x.shape
    for c in range(C):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                r, q = i * SH - top, j * SW - left
                s = x.dtype.type(0)
                for a in range(max(r, 0), min(r + KH, H)):
                    for k in range(max(q, 0), min(q + KW, W)):
                        s += x[c, a, k]
                y[c, i, j] = s / x.dtype.type(divisor(r, q, H, W, numbers))  # equation (7)


@kernel
def grad_input(x, y, dy, dx, work, numbers):
    """Every pixel of a window gets its share of dy; windows may overlap."""
    (KH, KW), (SH, SW), (top, _, left, _), _ = numbers
    C, H, W = dx.shape[:3]
    dx[:] = 0
    for c in range(C):
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                r, q = i * SH - top, j * SW - left
                share = load(dy, (c, i, j)) / divisor(r, q, H, W, numbers)
                for a in range(max(r, 0), min(r + KH, H)):
                    for k in range(max(q, 0), min(q + KW, W)):
                        store(dx, (c, a, k), load(dx, (c, a, k)) + share)


@kernel
def divisor(r, q, H, W, numbers):
    """What the sum over the window from row r and column q on is divided by: D of equation (7).

    A number that was given; else how many taps meet the image, or (``whole``) the image and the padding around it.
    """
    (KH, KW), _, (_, bottom, _, right), (whole, given) = numbers
    if given != 0:
        return given
    if whole:
        return (min(r + KH, H + bottom) - r) * (min(q + KW, W + right) - q)
    # At least 1: the mean of no pixels is 0, as in PyTorch.
    return max(1, min(r + KH, H) - max(r, 0)) * max(1, min(q + KW, W) - max(q, 0))


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

    def build(self, problem: Pool2dProblem) -> PlainKernels:
        """Bind the window."""
        numbers = _numbers(problem)
        return PlainKernels(Fixed(forward, numbers), Fixed(grad_input, numbers))

    def single(self, problem: Pool2dProblem) -> OneImage:
        """Sums of 16 windows, unless there are fewer."""
        OH, OW = problem.y_shape[1:]
        if OH * OW < LANES:
            return OneImage(Fixed(few_windows, _numbers(problem)))
        window, size = planes_of(problem)
        return OneImage(Fixed(one_image, _numbers(problem), window), size + OH * OW + LANES)


def _numbers(p: Pool2dProblem) -> tuple[Any, ...]:
    """What the kernels have to know; where all windows are whole, their size is the divisor that is given."""
    (KH, KW), (_, H, W), (_, OH, OW) = p.kernel_size, p.x_shape, p.y_shape
    whole = p.padding == (0, 0, 0, 0) and (OH - 1) * p.stride[0] + KH <= H and (OW - 1) * p.stride[1] + KW <= W
    return p.kernel_size, p.stride, p.padding, (int(p.count_include_pad), p.divisor_override or whole * KH * KW)
