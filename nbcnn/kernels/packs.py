"""Conversion between images (N, C, H, W) and packs (C, H, W, 16): no other file does it."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import LANES


@kernel
def gather(images, order, place, scaling, x):
    """Pixels of up to 16 images (N, C, H, W), uint8 or float, to a pack x (C, H, W).

    ``place`` is the number of the pack, and how many images of ``order`` there are. Lane l takes image
    order[16 place[0] + l], scaled to pixel · factor[c] + offset[c] with scaling (2, C) = factor, offset; lanes beyond
    the last image are blank: zeros.
    """
    C, H, W = images.shape[1:]
    first = place[0] * LANES
    count = min(LANES, place[1] - first)
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
def gather_moved(images, order, place, scaling, augmentations, x):
    """As ``gather``, with each image moved: row ``augmentations[n]`` (N, 3) of image n is dy, dx, flip.

    Pixel (i, j) is pixel (i + dy, j + dx) of the image, black where that is outside of it; then, where flip is not 0,
    left and right are exchanged.
    """
    C, H, W = images.shape[1:]
    first = place[0] * LANES
    count = min(LANES, place[1] - first)
    if count < LANES:
        x[:] = 0
    for c in range(C):
        factor, offset = scaling[0, c], scaling[1, c]
        black = 0 * factor + offset
        for i in range(H):
            for l in range(count):
                image, out = order[first + l], x[c, i]
                dy, dx = augmentations[image, 0], augmentations[image, 1]
                left, step = (W - 1 + dx, -1) if augmentations[image, 2] != 0 else (dx, 1)
                inside = 0 <= i + dy < H
                row = images[image, c, i + dy if inside else 0]
                for j in range(W):  # 10 µs for LeNet's pack where gather takes 5; loops for each side of an edge: 12
                    column = left + step * j
                    out[j, l] = row[column] * factor + offset if inside and 0 <= column < W else black


@kernel
def take_one(image, scaling, x):
    """As ``gather`` for one image (1, C, H, W), to x of that shape."""
    for c in range(x.shape[1]):
        factor, offset = scaling[0, c], scaling[1, c]
        for i in range(x.shape[2]):
            row, out = image[0, c, i], x[0, c, i]
            for j in range(x.shape[3]):
                out[j] = row[j] * factor + offset


@kernel
def gather_labels(labels, order, place, weight, pack_labels, scale):
    """Labels (N,) of the same images to pack_labels (16,), weight[0] to scale (16,); blank lanes get 0 of both."""
    first = place[0] * LANES
    for l in range(LANES):
        if first + l < place[1]:
            pack_labels[l], scale[l] = labels[order[first + l]], weight[0]
        else:
            pack_labels[l], scale[l] = 0, 0


@kernel
def gather_numbers(order, place, numbers):
    """Which image each lane holds, to numbers (16,); -1 in blank lanes."""
    first = place[0] * LANES
    for l in range(LANES):
        numbers[l] = order[first + l] if first + l < place[1] else -1


@kernel
def scatter(y, place, out):
    """A pack y (F, 16) to its rows of out (N, F)."""
    first = place[0] * LANES
    for f in range(y.shape[0]):
        for l in range(min(LANES, place[1] - first)):
            out[first + l, f] = y[f, l]


@kernel
def report(pack_losses, pack_guesses, place, losses, guesses):
    """Losses and guesses (16,) of a pack's images to their places in losses and guesses (N,)."""
    first = place[0] * LANES
    for l in range(min(LANES, place[1] - first)):
        losses[first + l], guesses[first + l] = pack_losses[l], pack_guesses[l]


@kernel
def add(total, part):
    """total += part, both (size,)"""
    for i in range(total.size):
        total[i] += part[i]
