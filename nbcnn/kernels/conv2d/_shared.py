"""What several convolution backends do alike: a frame of zeros around an image, and the bias gradient."""

from __future__ import annotations

from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store


@kernel
def pad(x, frame, top, left, hands):
    """Copy x (C, H, W) into the middle of frame (C, FH, FW), with zeros around it.

    Rows and columns are dealt out to hands (DH, DW), as cards are: columns 0, DW, 2 DW, ... come first, then 1, DW + 1,
    ...; FH and FW are multiples of them. So the taps of a kernel with that dilation meet neighbours.
    """
    zero = splat(x.dtype.type(0))
    C, H, W = x.shape[:3]
    rows, columns = frame.shape[1] // hands[0], frame.shape[2] // hands[1]
    for c in range(C):
        for i in range(frame.shape[1]):
            r = i % rows * hands[0] + i // rows - top
            for hand in range(hands[1]):
                for j in range(columns):
                    q = hand + j * hands[1] - left
                    if 0 <= r < H and 0 <= q < W:
                        store(frame, (c, i, hand * columns + j), load(x, (c, r, q)))
                    else:
                        store(frame, (c, i, hand * columns + j), zero)


@kernel
def bias_gradient(dy, db):
    """dy (O, OH, OW) -> db (O,), summed over pixels, then over the 16 images: equation (5)."""
    for o in range(dy.shape[0]):
        s = splat(dy.dtype.type(0))
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                s += load(dy, (o, i, j))
        db[o] = lane_sum(s)
