"""What several convolution backends do alike: a frame of zeros around an image, and the bias gradient."""

from __future__ import annotations

from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import lane_sum, load, splat, store


@kernel
def pad(x, frame, top, left):
    """Copy x (C, H, W) into the middle of frame (C, FH, FW), with zeros around it."""
    zero = splat(x.dtype.type(0))
    C, H, W = x.shape[:3]
    for c in range(C):
        for i in range(frame.shape[1]):
            for j in range(frame.shape[2]):
                r, q = i - top, j - left
                if 0 <= r < H and 0 <= q < W:
                    store(frame, (c, i, j), load(x, (c, r, q)))
                else:
                    store(frame, (c, i, j), zero)


@kernel
def bias_gradient(dy, db):
    """dy (O, OH, OW) -> db (O,), summed over pixels, then over the 16 images: equation (5)."""
    for o in range(dy.shape[0]):
        s = splat(dy.dtype.type(0))
        for i in range(dy.shape[1]):
            for j in range(dy.shape[2]):
                s += load(dy, (o, i, j))
        db[o] = lane_sum(s)
