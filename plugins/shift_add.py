"""Convolution as one 1×1 convolution for each tap of the kernel: equation (61) of docs/fast-convolution.md.

A 3×3 kernel is nine kernels of one tap each, and a kernel of one tap is a matrix over channels, applied to the image
moved by that tap's place. So x is moved, multiplied with the tap's matrix, added to y; nine times. ``im2col`` lays all
nine moved images side by side and has one product; this takes them one by one, in a ninth of the memory.
"""

from __future__ import annotations

from math import prod

from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.kernels.conv2d.im2col import multiply
from nbcnn.plugin import Conv2dProblem, Cost, SimpleBackend, WeightedKernels, Work, register
from nbcnn.plugin import LANES, kernel, load, splat, store

BLOCK = 1024
"""Taps that are added in one go. Kernels with more of them are summed in such blocks, lest rounding errors add up."""


@kernel
def shift(x, moved, tap, stride):
    """x (C, H, W) -> moved (C, OH, OW): at (i, j) the pixel that output (i, j) meets at the tap, 0 outside of x.

    tap: where in x it lies for output (0, 0).
    """
    C, H, W = x.shape[:3]
    zero = splat(x.dtype.type(0))
    for c in range(C):
        for i in range(moved.shape[1]):
            for j in range(moved.shape[2]):
                r, q = tap[0] + i * stride[0], tap[1] + j * stride[1]
                inside = 0 <= r < H and 0 <= q < W
                store(moved, (c, i, j), load(x, (c, r, q)) if inside else zero)


@kernel
def add_back(moved, dx, tap, stride):
    """The reverse: what lies at (i, j) of moved (C, OH, OW) is added to the pixel of dx (C, H, W) that it came from."""
    C, H, W = dx.shape[:3]
    for c in range(C):
        for i in range(moved.shape[1]):
            for j in range(moved.shape[2]):
                r, q = tap[0] + i * stride[0], tap[1] + j * stride[1]
                if 0 <= r < H and 0 <= q < W:
                    store(dx, (c, r, q), load(dx, (c, r, q)) + load(moved, (c, i, j)))


@register.backend("conv2d")
class ShiftAdd(SimpleBackend):
    """a 1×1 convolution (BLAS) for each tap, of the image moved by its place"""

    def workspace(self, problem: Conv2dProblem) -> int:
        """A moved image, a product of it with a tap's matrix, and a sum of products."""
        x, y = prod(problem.x_shape), prod(problem.y_shape)
        moved = problem.in_channels * prod(problem.y_shape[1:])
        return LANES * (moved + max(y, moved) + max(x, y)) + prod(problem.w_shape[:2])

    def cost(self, problem: Conv2dProblem) -> Cost:
        """The formula's products, padding included; every tap goes through the whole image."""
        taps, y, moved = prod(problem.kernel_size), prod(problem.y_shape), prod(problem.y_shape[1:])
        moved *= problem.in_channels
        macs = LANES * problem.macs
        images = LANES * taps
        weights = prod(problem.w_shape)
        return Cost(
            Work(macs, images * (3 * moved + 4 * y) + weights),
            Work(macs, images * (y + 4 * moved) + weights),
            Work(macs, images * (3 * moved + y) + weights),
        )

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Loops over taps around a matrix product for each group of channels."""
        p, G = problem, problem.groups
        C, O, OH, OW = p.in_channels // G, p.out_channels // G, *p.y_shape[1:]
        top, _, left, _ = p.padding
        taps = [(a, k) for a in range(p.kernel_size[0]) for k in range(p.kernel_size[1])]
        at = [(a * p.dilation[0] - top, k * p.dilation[1] - left) for a, k in taps]
        shapes = (G * C, OH, OW, LANES), (G, O, OH * OW * LANES), (G, C, OH * OW * LANES)

        def parts(scratch, *shapes):
            """The first numbers of scratch as arrays of these shapes."""
            for shape in shapes:
                yield scratch[: prod(shape)].reshape(shape)
                scratch = scratch[prod(shape) :]

        def forward(x, w, b, y, scratch):
            moved, product, part = parts(scratch, shapes[0], shapes[1], y.shape)
            y[:], part[:] = b[:, None, None, None], 0
            for n, (a, k) in enumerate(taps):
                shift(x, moved, at[n], p.stride)
                multiply(w[:, :, a, k].reshape(G, O, C), moved.reshape(shapes[2]), product)
                part += product.reshape(y.shape)
                if n % BLOCK == BLOCK - 1 or n == len(taps) - 1:
                    y += part
                    part[:] = 0

        def grad_input(dy, w, dx, scratch):
            product, part = parts(scratch, shapes[2], dx.shape)
            dx[:], part[:] = 0, 0
            for n, (a, k) in enumerate(taps):
                turned = w[:, :, a, k].reshape(G, O, C).transpose(0, 2, 1)
                multiply(turned, dy.reshape(shapes[1]), product)
                add_back(product.reshape(shapes[0]), part, at[n], p.stride)
                if n % BLOCK == BLOCK - 1 or n == len(taps) - 1:
                    dx += part
                    part[:] = 0

        def grad_weight(x, dy, dw, db, scratch):
            moved, product = parts(scratch, shapes[0], (G, O, C))
            for n, (a, k) in enumerate(taps):
                shift(x, moved, at[n], p.stride)
                multiply(dy.reshape(shapes[1]), moved.reshape(shapes[2]).transpose(0, 2, 1), product)
                dw[:, :, a, k] = product.reshape(G * O, C)
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)
