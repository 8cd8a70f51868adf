"""Convolution in register blocks: the sums and bits of ``naive``, faster.

LeNet's forward runs at 126 and 160 GFLOP/s against 17 and 21 (one core). The blocks are those of
_blocks.py; here is what they are laid on. A group of channels is a convolution of its own: CG input and OG output
channels, C = G CG and O = G OG.
"""

from __future__ import annotations

from math import prod

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, OneImage, WeightedKernels
from nbcnn.kernels.conv2d._blocks import correlate, correlate_rows, sum_products
from nbcnn.kernels.conv2d._direct_cost import direct_cost
from nbcnn.kernels.conv2d._direct_cost import framed as pixels
from nbcnn.kernels.conv2d._shared import bias_gradient, fetch, pad, phase
from nbcnn.kernels.conv2d._sizes import (
    forward_block,
    input_block,
    input_margins,
    margins,
    row_block,
    steps,
    weight_block,
)
from nbcnn.kernels.conv2d._wide_cost import with_wide
from nbcnn.kernels.conv2d._wide_sizes import is_wide, is_wide_backward, wide_workspace, wide_workspace_backward
from nbcnn.kernels.conv2d.pointwise import Pointwise
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.cost import Cost
from nbcnn.kernels.registry import register


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (C, H, W), w (O, C/G, KH, KW), b (O,) -> y (O, OH, OW); attributes: row step, top and left padding, zeros that
    are written around x (margins of _sizes.py), column and tap steps, and block"""
    down, padding, margins, steps, block = attributes
    H, W = x.shape[1:3]
    CG = w.shape[1]
    OG = w.shape[0] * CG // x.shape[0]
    grid, share = (y.shape[1], y.shape[2], 0, 1, 0, 1), (*w.shape[2:], 0, 1, 0, 1)
    top, left = margins[0], margins[2]
    inside = (top, top + H, left, left + W)
    plan = grid, (top - padding[0], down, left - padding[1]), steps, inside, share
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        frame = framed(x[c : c + CG], scratch, margins)
        pair = frame, following(x, c, CG)
        correlate_group(pair, w[o : o + OG], b[o : o + OG], y[o : o + OG], plan, block)


@kernel
def correlate_group(x, w, b, y, plan, block):
    """The sums of a group. x: the group's with padding, and that of the group that comes next. A block is channels and
    pixels, or pixels alone where the group is one channel of x.
    """
    if len(block) == 1:
        correlate_rows(x, w, b, y, plan, block[0])
    else:
        correlate(x[0], w, b, y, plan, block)


@kernel
def framed(x, scratch, padding):
    """x (C, H, W) with zeros around it, in scratch; x itself where there is nothing to do."""
    top, bottom, left, right = padding
    if top + bottom + left + right == 0:
        return x
    shape = (x.shape[0], x.shape[1] + top + bottom, x.shape[2] + left + right, x.shape[3])
    frame = scratch[: shape[0] * shape[1] * shape[2] * shape[3]].reshape(shape)
    pad(x, frame, top, left)
    return frame


@kernel
def grad_input(dy, w, dx, scratch, attributes):
    """dy (O, OH, OW), w (O, C/G, KH, KW) -> dx (C, H, W): cross-correlations of dy with the weights turned around.

    With stride SH and dilation DH, row r of x meets only those rows a of the kernel for which a DH = r + top modulo SH;
    which ones depends on r modulo SH, the row's phase. So each phase is a plain cross-correlation with its share of the
    kernel, and no zero is ever multiplied for the stride's sake.
    """
    stride, dilation, (top, left), margins, steps, block = attributes
    C, H, W = dx.shape[:3]
    O, CG, KH, KW = w.shape
    OG = O * CG // C
    above, before = margins[0], margins[2]
    inside = (above, above + dy.shape[1], before, before + dy.shape[2])
    zeros, room = scratch[:CG], whole_lines(CG)
    zeros[:] = 0
    taps = scratch[room : room + CG * OG * KH * KW]
    rest = scratch[room + whole_lines(CG * OG * KH * KW) :]
    for g in range(C // CG):
        o, c = g * OG, g * CG
        frame = framed(dy[o : o + OG], rest, margins)
        for row in range(min(stride[0], H)):
            rows = phase(row + top, KH, stride[0], dilation[0])
            for column in range(min(stride[1], W)):
                columns = phase(column + left, KW, stride[1], dilation[1])
                down, right = (H - row + stride[0] - 1) // stride[0], (W - column + stride[1] - 1) // stride[1]
                grid = (down, right, row, stride[0], column, stride[1])
                # The formula takes its taps from the last on; so it counts them, and the last of the share comes first.
                held = KH, KW, KH - 1 - last(rows), rows[1], KW - 1 - last(columns), columns[1]
                plan = grid, (above + rows[3], 1, before + columns[3]), steps, inside, held
                if CG == 1 and stride[0] * stride[1] > 1:  # memory is what takes the time
                    fetch(following(dx, c, CG), row * stride[1] + column, stride[0] * stride[1])
                share = taps[: CG * OG * rows[2] * columns[2]].reshape((CG, OG, rows[2], columns[2]))
                flip_transpose(w[o : o + OG], share, rows[:2], columns[:2])
                correlate_group(
                    (frame, following(dy, o, OG)), share, zeros, dx[c : c + CG], plan, block
                )  # equation (3)


@kernel
def last(taps):
    """The last of the taps that ``phase`` gives: first, step, number."""
    return taps[0] + (taps[2] - 1) * taps[1]


@kernel
def whole_lines(numbers):
    """So many numbers and what is left of their last cache line."""
    return (numbers + LANES - 1) // LANES * LANES


@kernel
def flip_transpose(w, share, rows, columns):
    """The taps of w (OG, CG, KH, KW) from rows[0] on, rows[1] apart, to share (CG, OG, KHp, KWp), last tap first.

    A copy: sums that read w itself, backwards, took 1.2 of the time.
    """
    CG, OG, KHp, KWp = share.shape
    if (KHp, KWp) == w.shape[2:]:  # in one loop, a third of the time
        flat, turned = w.reshape((OG, CG, KHp * KWp)), share.reshape((CG, OG, KHp * KWp))
        for c in range(CG):
            for o in range(OG):
                for n in range(KHp * KWp):
                    turned[c, o, n] = flat[o, c, KHp * KWp - 1 - n]
        return
    for c in range(CG):
        for o in range(OG):
            for a in range(KHp):
                for k in range(KWp):
                    share[c, o, KHp - 1 - a, KWp - 1 - k] = w[o, c, rows[0] + a * rows[1], columns[0] + k * columns[1]]


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (C, H, W), dy (O, OH, OW) -> dw (O, C/G, KH, KW), db (O,), summed over the 16 images"""
    stride, dilation, padding, block = attributes
    CG = dw.shape[1]
    OG = dw.shape[0] * CG // x.shape[0]
    for g in range(x.shape[0] // CG):
        o, c = g * OG, g * CG
        frame = framed(x[c : c + CG], scratch, padding)
        sum_products(frame, dy[o : o + OG], dw[o : o + OG], stride, dilation, block)
        bias_gradient(dy[o : o + OG], db[o : o + OG])


@kernel
def following(x, c, count):
    """Of x its ``count`` channels behind those from c on; these themselves where none are left."""
    first = c + count if c + 2 * count <= x.shape[0] else c
    return x[first : first + count]


POINTWISE = Pointwise()
"""For 1×1 kernels: the same sums and bits, at twice the speed (64 to 128 channels on 14×14: 113 for 53 GFLOP/s)."""


@register("conv2d")
class Direct:
    """naive's sums and bits, channels x pixels in registers"""

    def supports(self, problem: Conv2dProblem) -> str | None:
        """Everything."""
        return None

    def workspace(self, problem: Conv2dProblem) -> int:
        """Of a group a copy of x with padding; or of dy with zeros around it, its turned weights and a row of zeros.

        Of wide layers what their kernels take instead.
        """
        wide = wide_workspace(problem) if is_wide(problem, of_x=True) else 0
        wide = max(wide, wide_workspace_backward(problem) if is_wide_backward(problem) else 0)
        if POINTWISE.supports(problem) is None:
            return max(wide, POINTWISE.workspace(problem))
        of_x = row_block(problem, backward=True) or input_block(problem)
        x = problem.in_channels * prod(problem.padded_size) * LANES // problem.groups
        dy = problem.out_channels * pixels(problem.y_shape, input_margins(problem, of_x)) * LANES // problem.groups
        weights = prod(problem.w_shape) // problem.groups + problem.w_shape[1]
        return max(wide, x, dy + weights + 2 * LANES)

    def cost(self, problem: Conv2dProblem) -> Cost:
        """What the blocks do."""
        found = POINTWISE.cost(problem) if POINTWISE.supports(problem) is None else direct_cost(problem)
        return with_wide(found, problem)

    def build(self, problem: Conv2dProblem) -> WeightedKernels:
        """Bind stride, dilation, padding and the sizes of blocks."""
        found = POINTWISE.build(problem) if POINTWISE.supports(problem) is None else self._build(problem)
        if is_wide(problem, of_x=True) or is_wide_backward(problem):
            from nbcnn.kernels.conv2d import _wide_kernels  # networks without wide layers have no use for it

            return _wide_kernels.instead_of(found, problem)
        return found

    def _build(self, p: Conv2dProblem) -> WeightedKernels:
        of_y, of_x = row_block(p) or forward_block(p), row_block(p, backward=True) or input_block(p)
        back = steps(p, backward=True)
        found = WeightedKernels(
            KernelWithAttributes(forward, (p.stride[0], p.padding[::2], margins(p, of_y), steps(p), of_y)),
            KernelWithAttributes(
                grad_input, (p.stride, p.dilation, p.padding[::2], input_margins(p, of_x), back, of_x)
            ),
            KernelWithAttributes(grad_weight, (p.stride, p.dilation, p.padding, weight_block(p))),
        )
        if p.groups > 1:
            from nbcnn.kernels.conv2d import _depthwise  # most networks have no use for it

            return _depthwise.instead_of(found, p)
        return found

    def single(self, problem: Conv2dProblem) -> OneImage:
        """16 pixels of the output at once."""
        from nbcnn.kernels.conv2d import _one_image  # a training has no use for it

        return _one_image.kernel_of(problem)
