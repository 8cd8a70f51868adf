"""Zero padding, bias gradient and the phases of a stride, shared by convolution backends."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import LANES, add_sums, load, load_each, prefetch, splat, start_sums, store, store_sums
from nbcnn.lanes.block_sums import block_at, block_count, block_sizes


@kernel
def pad(x, frame, top, left):
    """Copy x (C, H, W) into the middle of frame (C, FH, FW), with zeros around it."""
    zero = splat(x.dtype.type(0))
    C, H, W = x.shape[:3]
    first, stop = min(left, frame.shape[2]), min(left + W, frame.shape[2])
    for c in range(C):
        for i in range(frame.shape[1]):
            inside = 0 <= i - top < H
            for j in range(first if inside else frame.shape[2]):
                store(frame, (c, i, j), zero)
            if inside:
                for j in range(first, stop):
                    store(frame, (c, i, j), load(x, (c, i - top, j - left)))
                for j in range(stop, frame.shape[2]):
                    store(frame, (c, i, j), zero)


@kernel
def fetch(x, part, parts):
    """Have the cache fetch part number ``part`` of ``parts`` of x (channels, rows, columns), without waiting."""
    P = x.shape[0] * x.shape[1] * x.shape[2]
    pixels = x.reshape((P, LANES))
    for p in range(part * P // parts, (part + 1) * P // parts):
        prefetch(pixels, ((p,),))


@kernel
def phase(position, size, stride, dilation):
    """Of the ``size`` taps, those which a row at ``position`` in the padded image meets, and where in dy it meets them.

    First tap, step of taps, their number; first row of dy, that of the last tap.
    """
    tap = 0
    while tap < size and (position - tap * dilation) % stride != 0:
        tap += 1
    step = stride // common(stride, dilation)
    count = (size - tap + step - 1) // step
    return tap, step, count, (position - (tap + (count - 1) * step) * dilation) // stride


@kernel
def common(p, q):
    """The greatest common divisor."""
    while q:
        p, q = q, p % q
    return p


@kernel
def bias_gradient(dy, db):
    """dy (O, OH, OW) -> db (O,), summed over pixels, then over the 16 images: equation (5). Four channels at once."""
    O = dy.shape[0]
    terms, sums = (1, dy.shape[1], dy.shape[2]), db.reshape((1, O))
    block = block_sizes(terms)
    for o in range(0, O, 4):
        os = o, min(o + 1, O - 1), min(o + 2, O - 1), min(o + 3, O - 1)
        s = total = start_sums((dy.dtype.type(0),), os)
        for n in range(block_count(terms, block)):
            _, (i0, i1), (j0, j1) = block_at(n, terms, block)
            s = start_sums((dy.dtype.type(0),), os)
            for i in range(i0, i1):
                for j in range(j0, j1):
                    s = add_sums(s, (load_each(dy, (os, i, j)),))
            total = s if n == 0 else add_sums(total, s)
        store_sums(sums, ((0,), os), total)
