"""An exercise: a convolution of your own, in three kernels. `nbcnn kernels check` of this file leads through them.

Do them in order: forward, grad_input, grad_weight. Each says in a comment what it has to compute; the loops are yours.
The file loads and compiles as it is, it only computes zeros. After each change check again.

Letters: C input and O output channels, H and W input size, OH and OW output size, KH and KW kernel size. Small letters
count them: c, o, r and q (input row and column), i and j (output row and column), a and k (kernel row and column).

Kernels see 16 images at once: x is an array (C, H, W, 16). Three words hide that, so that you write the formula for
one image:

    load(x, (c, r, q))      the numbers of one pixel, one of each image; + and * work on them
    store(y, (o, i, j), s)  write them
    splat(b[o])             the same number for all 16 images: how a sum begins

Weights have no images: w[o, c, a, k] is one number, and may be multiplied with what load gives.
"""

from __future__ import annotations

from nbcnn.plugin import Conv2dProblem, KernelWithAttributes, WeightedKernels, register
from nbcnn.plugin import kernel, lane_sum, load, splat, store


@kernel
def forward(x, w, b, y, scratch, padding):
    """x (C, H, W) input, w (O, C, KH, KW) weight, b (O,) bias -> y (O, OH, OW) output"""
    C, H, W = x.shape[:3]
    O, _, KH, KW = w.shape
    OH, OW = y.shape[1:3]
    top, left = padding  # how many rows and columns of zeros lie above and left of x
    # YOURS, equation (1) of nbcnn's docs/math.md:
    #
    #     y[o, i, j] = b[o] + the sum over c, a, k of x[c, r, q] · w[o, c, a, k]
    #     with r = i + a - top and q = j + k - left
    #
    # Three loops, over o, i and j; in them a sum s that begins with splat(b[o]); three more loops, over c, a and k,
    # which add to it; then one store. Where r is not in 0 ... H - 1, or q not in 0 ... W - 1, there is nothing to add.
    y[:] = 0  # take this line out


@kernel
def grad_input(dy, w, dx, scratch, padding):
    """dy (O, OH, OW) gradient of the output, w (O, C, KH, KW) -> dx (C, H, W) gradient of the input"""
    C, H, W = dx.shape[:3]
    O, _, KH, KW = w.shape
    OH, OW = dy.shape[1:3]
    top, left = padding
    # YOURS, equation (3): a pixel collects from every output that has used it, with the weight that it used.
    #
    #     dx[c, r, q] = the sum over o, a, k of dy[o, i, j] · w[o, c, a, k]
    #     with i = r - a + top and j = q - k + left
    #
    # The same loops the other way round: outside c, r and q, inside o, a and k. A sum begins with
    # splat(w.dtype.type(0)). Where i is not in 0 ... OH - 1, or j not in 0 ... OW - 1, there is nothing to add.
    dx[:] = 0  # take this line out


@kernel
def grad_weight(x, dy, dw, db, scratch, padding):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C, KH, KW) and db (O,), gradients of weight and bias"""
    C, H, W = x.shape[:3]
    O, _, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    top, left = padding
    # YOURS, equations (4) and (5), summed over pixels and over the 16 images:
    #
    #     dw[o, c, a, k] = the sum over i, j of dy[o, i, j] · x[c, r, q]
    #     with r = i + a - top and q = j + k - left, where these are in x
    #     db[o]          = the sum over i, j of dy[o, i, j]
    #
    # lane_sum(s) makes one number of a sum's 16: dw[o, c, a, k] = lane_sum(s)
    dw[:] = 0  # take these two lines out
    db[:] = 0


@register.backend("conv2d")
class Backend:
    """my exercise: the formula, loop by loop"""

    exercise = True  # `nbcnn kernels check` leads through the kernels in order; take it out when you are done

    def supports(self, problem: Conv2dProblem) -> str | None:
        """None, or the reason why it can't do a problem. Do without these lines when your loops can do more."""
        if problem.stride != (1, 1):
            return f"its stride is 1, not {problem.stride[0]}×{problem.stride[1]}"
        if problem.dilation != (1, 1):
            return f"its dilation is 1, not {problem.dilation[0]}×{problem.dilation[1]}"
        if problem.groups != 1:
            return f"it has 1 group, not {problem.groups}"
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """How many numbers of scratch the kernels need in `scratch`."""
        return 0

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """The three kernels; KernelWithAttributes gives each one more argument, the padding above and left."""
        top, _, left, _ = problem.padding
        return WeightedKernels(*(KernelWithAttributes(one, (top, left)) for one in (forward, grad_input, grad_weight)))
