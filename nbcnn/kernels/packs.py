"""From images to packs and back: the only place where (N, C, H, W) meets (C, H, W, 16). Docs: docs/reading-order.md."""

from __future__ import annotations

from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import LANES


@kernel
def gather(images, order, first, scaling, x):
    """Pixels of up to 16 images (N, C, H, W), uint8 or float, to a pack x (C, H, W).

    Lane l takes image order[first + l], scaled to pixel · factor[c] + offset[c] with scaling (2, C) = factor, offset;
    lanes beyond the end of ``order`` are blank: zeros.
    """
    C, H, W = images.shape[1:]
    count = min(LANES, order.size - first)
    if count < LANES:
        x[:] = 0
    for c in range(C):
        factor, offset = scaling[0, c], scaling[1, c]
        for i in range(H):
            for l in range(count):  # image by image, row by row: 6.5 µs for LeNet's pack, lanes innermost 13
                row, out = images[order[first + l], c, i], x[c, i]
                for j in range(W):
                    out[j, l] = row[j] * factor + offset


@kernel
def gather_labels(labels, order, first, weight, pack_labels, scale):
    """Labels (N,) of the same images to pack_labels (16,), their weight to scale (16,); blank lanes get 0 of both."""
    for l in range(LANES):
        if first + l < order.size:
            pack_labels[l], scale[l] = labels[order[first + l]], weight
        else:
            pack_labels[l], scale[l] = 0, 0


@kernel
def scatter(y, first, out):
    """A pack y (F,) to rows first to first + 15 of out (N, F), as far as N reaches."""
    for f in range(y.shape[0]):
        for l in range(min(LANES, out.shape[0] - first)):
            out[first + l, f] = y[f, l]


@kernel
def add(total, part):
    """total += part, both (size,)"""
    for i in range(total.size):
        total[i] += part[i]
