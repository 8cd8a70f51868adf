"""Batch normalisation on packs and on one image; statistics (4, C) are mean, 1/σ, w/σ and σ² of each channel."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.batch_norm.op import BatchNormKernels, BatchNormProblem
from nbcnn.kernels.contract import LANES, OneImage, SimpleBackend
from nbcnn.kernels.registry import register
from nbcnn.lanes import lane_sum, load, load_masked, splat, store, store_masked


@kernel
def forward(x, statistics, b, y, scratch):
    """x (C, M) -> y (C, M)"""
    for c in range(x.shape[0]):
        mean, scale, shift = statistics[0, c], statistics[2, c], b[c]
        for m in range(x.shape[1]):
            store(y, (c, m), (load(x, (c, m)) - mean) * scale + shift)  # equation (53)


@kernel
def one_image(x, statistics, b, y, scratch):
    """The same for one image x (C, M) alone, 16 of its pixels at once."""
    C, M = x.shape
    for c in range(C):
        mean, scale, shift = statistics[0, c], statistics[2, c], b[c]
        for m in range(0, M, LANES):
            store_masked(y, (c, m), (load_masked(x, (c, m), M - m) - mean) * scale + shift, M - m)


@kernel
def grad_weight(x, dy, statistics, dw, db, scratch):
    """dy, x (C, M) -> dw, db (C,); four sums at a time, so that an addition need not wait for the one before."""
    C, M = x.shape[:2]
    zero = splat(x.dtype.type(0))
    for c in range(C):
        mean = statistics[0, c]
        s0, s1, s2, s3 = zero, zero, zero, zero
        t0, t1, t2, t3 = zero, zero, zero, zero
        whole = M - M % 4
        for m in range(0, whole, 4):
            d0, d1, d2, d3 = load(dy, (c, m)), load(dy, (c, m + 1)), load(dy, (c, m + 2)), load(dy, (c, m + 3))
            s0 += d0 * (load(x, (c, m)) - mean)  # equation (56)
            s1 += d1 * (load(x, (c, m + 1)) - mean)
            s2 += d2 * (load(x, (c, m + 2)) - mean)
            s3 += d3 * (load(x, (c, m + 3)) - mean)
            t0, t1, t2, t3 = t0 + d0, t1 + d1, t2 + d2, t3 + d3  # equation (57)
        for m in range(whole, M):
            d = load(dy, (c, m))
            s0 += d * (load(x, (c, m)) - mean)
            t0 = t0 + d
        dw[c] = lane_sum((s0 + s1) + (s2 + s3)) * statistics[1, c]
        db[c] = lane_sum((t0 + t1) + (t2 + t3))


@kernel
def grad_input(x, dy, statistics, means, dx, scratch):
    """dy, x (C, M) -> dx (C, M); means (2, C) are those of dw and db over all values of a channel in the batch."""
    for c in range(x.shape[0]):
        mean, scale = statistics[0, c], statistics[2, c]
        slope, shift = means[0, c] * statistics[1, c], means[1, c]
        for m in range(x.shape[1]):
            d = load(dy, (c, m)) - shift - (load(x, (c, m)) - mean) * slope
            store(dx, (c, m), d * scale)  # equation (58)


@register("batch_norm")
class Direct(SimpleBackend):
    """(x - mean) · w/σ + b, 16 images at once"""

    def build(self, problem: BatchNormProblem) -> BatchNormKernels:
        """Nothing to bind."""
        return BatchNormKernels(forward, grad_weight, grad_input)

    def single(self, problem: BatchNormProblem) -> OneImage:
        """Pixels side by side."""
        return OneImage(one_image)
