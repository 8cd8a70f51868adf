"""A backend of conv2d: the formula, loop for loop. Make it yours; the file's name is the name to choose it by.

Letters: C input and O output channels, H and W input size, OH and OW output size, KH and KW kernel size, G groups.
Small letters count them: o, c, i and j (output row and column), a and k (row and column of the kernel).

Kernels see packs: arrays (C, H, W, 16) that hold 16 images, images innermost. `load` takes the 16 numbers of one pixel,
one of each image, `store` puts 16 back, and arithmetic between them works on all 16 at once. So nothing here speaks of
images: what is written is the formula for one, and 16 are computed. nbcnn/lanes/words.py has all of these words.
"""

from __future__ import annotations

from nbcnn.plugin import Conv2dProblem, KernelWithAttributes, WeightedKernels, register
from nbcnn.plugin import kernel, lane_sum, load, splat, store


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W) input, w (O, C/G, KH, KW) weight, b (O,) bias -> y (O, OH, OW) output, all of which is written

    scratch holds workspace(problem) numbers, with anything in it; attributes is what build() adds.
    """
    stride, padding, dilation = attributes
    C, H, W = x.shape[:3]
    O, CG, KH, KW = w.shape  # CG = C/G: how many input channels an output channel sees
    OH, OW = y.shape[1:3]
    per_group = O // (C // CG)
    for o in range(O):
        first = o // per_group * CG  # the first input channel of this output channel's group
        for i in range(OH):
            for j in range(OW):
                s = splat(b[o])  # the same number for all 16 images
                for c in range(CG):
                    for a in range(KH):
                        for k in range(KW):
                            r = i * stride[0] + a * dilation[0] - padding[0]
                            q = j * stride[1] + k * dilation[1] - padding[1]
                            if 0 <= r < H and 0 <= q < W:  # outside of x there are zeros
                                s += load(x, (first + c, r, q)) * w[o, c, a, k]
                store(y, (o, i, j), s)


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW) gradient of the output, w -> dx (C, H, W) gradient of the input, all of which is written

    The other way round: each input pixel collects from the outputs that have used it, with the weight they used.
    """
    stride, padding, dilation = attributes
    C, H, W = dx.shape[:3]
    O, CG, KH, KW = w.shape
    OH, OW = dy.shape[1:3]
    per_group = O // (C // CG)
    for c in range(C):
        group, inside = divmod(c, CG)
        for r in range(H):
            for q in range(W):
                s = splat(w.dtype.type(0))  # zero as float32 or float64, whichever the arrays are
                for o in range(group * per_group, (group + 1) * per_group):
                    for a in range(KH):
                        for k in range(KW):
                            i, i_rest = divmod(r + padding[0] - a * dilation[0], stride[0])
                            j, j_rest = divmod(q + padding[1] - k * dilation[1], stride[1])
                            if i_rest == 0 and j_rest == 0 and 0 <= i < OH and 0 <= j < OW:
                                s += load(dy, (o, i, j)) * w[o, inside, a, k]
                store(dx, (c, r, q), s)


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x, dy -> dw (O, C/G, KH, KW) and db (O,), gradients of weight and bias, summed over the 16 images"""
    stride, padding, dilation = attributes
    C, H, W = x.shape[:3]
    O, CG, KH, KW = dw.shape
    OH, OW = dy.shape[1:3]
    per_group = O // (C // CG)
    for o in range(O):
        first = o // per_group * CG
        for c in range(CG):
            for a in range(KH):
                for k in range(KW):
                    s = splat(dw.dtype.type(0))
                    for i in range(OH):
                        for j in range(OW):
                            r = i * stride[0] + a * dilation[0] - padding[0]
                            q = j * stride[1] + k * dilation[1] - padding[1]
                            if 0 <= r < H and 0 <= q < W:
                                s += load(x, (first + c, r, q)) * load(dy, (o, i, j))
                    dw[o, c, a, k] = lane_sum(s)  # weights have no images: the 16 numbers become one
        s = splat(dw.dtype.type(0))
        for i in range(OH):
            for j in range(OW):
                s += load(dy, (o, i, j))
        db[o] = lane_sum(s)


@register.backend("conv2d")
class Backend:
    """the formula, written by me (this line is what `nbcnn kernels` shows)"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """None, or the reason why it can't do a problem: return "stride is not 1", and the person is told so."""
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """How many numbers of scratch the kernels need in `scratch`."""
        return 0

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """The three kernels for one problem; KernelWithAttributes gives a kernel whole numbers after the arrays."""
        top, _, left, _ = problem.padding  # what lies below and right of x shows in the size of y
        attributes = (problem.stride, (top, left), problem.dilation)
        return WeightedKernels(
            KernelWithAttributes(forward, attributes),
            KernelWithAttributes(grad_input, attributes),
            KernelWithAttributes(grad_weight, attributes),
        )
