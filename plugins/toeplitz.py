"""Convolution as one matrix, written out in full: equations (29) and (30) of docs/fast-convolution.md.

Convolution is linear, so there is a matrix T with y = T x + b. Row (o, i, j) of T holds the weights of output channel o
at the pixels that window (i, j) covers, and zeros elsewhere: almost everywhere. Wherever a window is moved by one, the
same weights stand one column further, which makes T a Toeplitz matrix of Toeplitz blocks.

This is the backend to look at, not to train with: its matrix takes O·OH·OW·C·H·W numbers, nearly all of them 0.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nbcnn.kernels.conv2d._shared import bias_gradient
from nbcnn.plugin import Conv2dProblem, Cost, WeightedKernels, Work, register
from nbcnn.plugin import LANES, block_at, block_count, block_sizes, kernel

LARGEST = 2**22
"""Numbers in the matrix: 16 MB of float32, which LeNet's first layer (4704 × 784) just keeps to."""


@kernel
def write(w, T, stride, padding, dilation):
    """w (O, C/G, KH, KW) -> T (O, OH, OW, C, H, W), equation (29): each weight at all of its places."""
    O, CG, KH, KW = w.shape
    _, OH, OW, C, H, W = T.shape
    OG = O * CG // C  # output channels of a group
    T[:] = 0
    for o in range(O):
        for c in range(CG):
            for a in range(KH):
                for k in range(KW):
                    for i in range(OH):
                        for j in range(OW):
                            r = i * stride[0] + a * dilation[0] - padding[0]
                            q = j * stride[1] + k * dilation[1] - padding[1]
                            if 0 <= r < H and 0 <= q < W:
                                T[o, i, j, o // OG * CG + c, r, q] = w[o, c, a, k]


@kernel
def collect(P, dw, stride, padding, dilation):
    """P (O, OH, OW, C, H, W) -> dw (O, C/G, KH, KW), equation (30): the sum over all places of each weight."""
    O, CG, KH, KW = dw.shape
    _, OH, OW, C, H, W = P.shape
    OG = O * CG // C
    terms = (1, OH, OW)
    block = block_sizes(terms)
    dw[:] = 0
    for o in range(O):
        for c in range(CG):
            for a in range(KH):
                for k in range(KW):
                    for n in range(block_count(terms, block)):
                        _, (i0, i1), (j0, j1) = block_at(n, terms, block)
                        s = dw.dtype.type(0)
                        for i in range(i0, i1):
                            for j in range(j0, j1):
                                r = i * stride[0] + a * dilation[0] - padding[0]
                                q = j * stride[1] + k * dilation[1] - padding[1]
                                if 0 <= r < H and 0 <= q < W:
                                    s += P[o, i, j, o // OG * CG + c, r, q]
                        dw[o, c, a, k] += s


@register.backend("conv2d")
class Toeplitz:
    """one matrix for the whole layer, zeros and all: to look at"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """Everything whose matrix is not too large."""
        rows, columns = prod(problem.y_shape), prod(problem.x_shape)
        if rows * columns > LARGEST:
            return f"its matrix would have {rows} × {columns} = {rows * columns:,} numbers, it may have {LARGEST:,}"
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """The matrix."""
        return prod(problem.y_shape) * prod(problem.x_shape)

    def cost(self, problem: Conv2dProblem) -> Cost:
        """Every number of the matrix is written once; those of the groups' blocks are then met by all 16 images."""
        matrix = self.workspace(problem)
        images = LANES * (prod(problem.x_shape) + prod(problem.y_shape))
        macs, numbers = LANES * matrix // problem.groups, 2 * matrix + images + prod(problem.w_shape)
        return Cost(*(Work(macs, numbers) for _ in Cost._fields))

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """The matrix products are NumPy's; x and y are columns of numbers, one column for each image.

        Between channels of different groups the matrix is 0 throughout. These blocks are left out: 0 times a NaN of
        another group would be NaN.
        """
        rows, columns, size, G = prod(problem.y_shape), prod(problem.x_shape), self.workspace(problem), problem.groups
        shape = (*problem.y_shape, *problem.x_shape)
        where = (problem.stride, problem.padding[::2], problem.dilation)

        def in_groups(scratch, *packs):
            """Of each group its block of the matrix, and its part of each pack as columns."""
            blocks = scratch[:size].reshape(G, rows // G, G, columns // G)
            for g in range(G):
                yield blocks[g, :, g], *(pack.reshape(G, -1, LANES)[g] for pack in packs)

        def forward(x, w, b, y, scratch):
            write(w, scratch[:size].reshape(shape), *where)
            for T, of_x, of_y in in_groups(scratch, x, y):
                np.matmul(T, of_x, out=of_y)
            y += b[:, None, None, None]

        def grad_input(dy, w, dx, scratch):
            write(w, scratch[:size].reshape(shape), *where)
            for T, of_dy, of_dx in in_groups(scratch, dy, dx):
                np.matmul(T.T, of_dy, out=of_dx)

        def grad_weight(x, dy, dw, db, scratch):
            for P, of_x, of_dy in in_groups(scratch, x, dy):
                np.matmul(of_dy, of_x.T, out=P)
            collect(scratch[:size].reshape(shape), dw, *where)
            bias_gradient(dy, db)

        return WeightedKernels(forward, grad_input, grad_weight)
