"""Kernels that gather a pack of images with augmentation: crop, flip, affine map, erasing, mixing."""

from __future__ import annotations

from math import floor

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import LANES, fma

DY, DX, FLIP, REFLECT = 0, 1, 2, 3
"""Columns of the rows (M, AUGMENT_COLUMNS) float64: the shift, whether to flip, whether padding mirrors the image."""
AFFINE, MATRIX = 4, 5
"""Whether to warp, and where from pixel (i, j) is fetched, m of 6: column m0 j + m1 i + m2, row m3 j + m4 i + m5."""
TOP, LEFT, BOTTOM, RIGHT, VALUE = 11, 12, 13, 14, 15
"""The rectangle that is erased, its last row and column not included, and what stands there then."""
PARTNER, SHARE = 16, 17
"""Only where images are mixed: the number of the other image, and the share of the image itself."""
UNMIXED_COLUMNS, AUGMENT_COLUMNS = 16, 18


@kernel
def padded(i, size, reflect):
    """The place 0..size-1 that padding has at place i, -1 for black; it is not wider than the image."""
    if 0 <= i < size:
        return i
    if reflect == 0:
        return -1
    return -i if i < 0 else 2 * (size - 1) - i


@kernel
def moved_row(plane, i, move, row):
    """Row i of a channel (H, W) after crop and flip, as it is in the image, to row (W,)."""
    H, W = plane.shape
    reflect = 1 if move[REFLECT] != 0 else 0
    source = padded(i + int(move[DY]), H, reflect)
    if source < 0:
        row[:W] = 0
        return
    pixels = plane[source]
    if move[FLIP] != 0:
        left, step = W - 1 + int(move[DX]), -1
        begin, end = max(0, left - W + 1), min(W, left + 1)
    else:
        left, step = int(move[DX]), 1
        begin, end = max(0, -left), min(W, W - left)
    for j in range(begin, end):
        row[j] = pixels[left + step * j]
    for j in range(min(begin, W)):
        column = padded(left + step * j, W, reflect)
        row[j] = pixels[column] if column >= 0 else 0
    for j in range(max(begin, end), W):
        column = padded(left + step * j, W, reflect)
        row[j] = pixels[column] if column >= 0 else 0


@kernel
def warped_row(plane, i, move, row):
    """Row i after the affine map, to row (W,): each pixel lies between four, whose weights are the others' distances.

    ``plane`` (H + 2, W + 2) is the channel with a black border: beyond it all is black.
    """
    H, W = plane.shape[0] - 2, plane.shape[1] - 2
    m0, m3 = move[MATRIX], move[MATRIX + 3]
    x0, y0 = move[MATRIX + 1] * i + move[MATRIX + 2], move[MATRIX + 4] * i + move[MATRIX + 5]
    for j in range(W):
        x, y = m0 * j + x0, m3 * j + y0
        row[j] = 0
        if -1 < x < W and -1 < y < H:
            left, top = floor(x), floor(y)
            right, down = row.dtype.type(x - left), row.dtype.type(y - top)
            above = fma(1 - right, plane[top + 1, left + 1], right * plane[top + 1, left + 2])
            below = fma(1 - right, plane[top + 2, left + 1], right * plane[top + 2, left + 2])
            row[j] = fma(1 - down, above, down * below)


@kernel
def augment_image(image, move, scaling, bordered, out):
    """An image (C, H, W), augmented and scaled, to the top left of out (C, H + 2, W + 2); ``bordered`` as below."""
    C, H, W = image.shape
    for c in range(C):
        factor, offset = scaling[0, c], scaling[1, c]
        if move[AFFINE] != 0:
            for i in range(H):
                moved_row(image[c], i, move, bordered[i + 1, 1:])
        for i in range(H):
            row = out[c, i]
            if move[AFFINE] != 0:
                warped_row(bordered, i, move, row)
            else:
                moved_row(image[c], i, move, row)
            for j in range(W):
                row[j] = row[j] * factor + offset
            if move[TOP] <= i < move[BOTTOM]:
                row[int(move[LEFT]) : int(move[RIGHT])] = move[VALUE]


@kernel
def pack_numbers(order, place, numbers):
    """The numbers of a pack's images, to numbers (17,); last, how many of 16 there are."""
    first = place[0] * LANES
    numbers[LANES] = min(LANES, place[1] - first)
    for l in range(numbers[LANES]):
        numbers[l] = order[first + l]


@kernel
def gather_augmented(images, numbers, scaling, augmentations, scratch, x):
    """Images (N, C, H, W) of ``numbers`` (17,) to a pack x (C, H, W, 16), each augmented by its row.

    Scaled as by ``packs.gather``; the lanes beyond the last image are zeros. ``scratch`` (2C + 1, H + 2, W + 2), zeros
    at first, has an image, the other one, and a channel in a black border.
    """
    C, H, W = images.shape[1:]
    own, partner, bordered = scratch[:C], scratch[C : 2 * C], scratch[2 * C]
    count = numbers[LANES]
    if count < LANES:
        x[:] = 0
    for l in range(count):
        image = numbers[l]
        augment_image(images[image], augmentations[image], scaling, bordered, own)
        if augmentations.shape[1] > SHARE:
            other, share = int(augmentations[image, PARTNER]), x.dtype.type(augmentations[image, SHARE])
            augment_image(images[other], augmentations[other], scaling, bordered, partner)
            for c in range(C):
                for i in range(H):
                    for j in range(W):
                        x[c, i, j, l] = fma(share, own[c, i, j], (1 - share) * partner[c, i, j])
        else:
            for c in range(C):
                for i in range(H):
                    for j in range(W):
                        x[c, i, j, l] = own[c, i, j]


@kernel
def mix_labels(labels, numbers, augmentations, both, weights):
    """Of each image of ``numbers`` (17,) the partner's label, to both[1], and the weight of both labels.

    weights[0] (3, 16) is the image's own at first, and then has its share of it; weights[1] has the rest, weights[2]
    the share. Blank lanes get 0.
    """
    for l in range(LANES):
        if l < numbers[LANES]:
            image = numbers[l]
            share = augmentations[image, SHARE]
            both[1, l], weights[2, l] = labels[int(augmentations[image, PARTNER])], share
            weights[1, l] = weights[0, l] * (1 - share)
            weights[0, l] *= share
        else:
            both[1, l], weights[1, l], weights[2, l] = 0, 0, 0


@kernel
def mix_losses(losses, other, shares):
    """The loss of each mixed image (16,): of both labels' losses, each with its share."""
    for l in range(LANES):
        losses[l] = fma(shares[l], losses[l], (1 - shares[l]) * other[l])
