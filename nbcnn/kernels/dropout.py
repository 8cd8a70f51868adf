"""Dropout with masks from a counter-based hash, computed in the forward and again in the backward pass.

Whether a number is dropped is a function of the seed, the training step, the layer, the image's number and the
number's place in the image: the same on any number of threads, in any pack, and after a run is resumed.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES

BITS = (1 << 32) - 1


@kernel
def mixed(h):
    """32 bits of which each depends on all of h's: a multiply-xorshift hash. No product exceeds 63 bits."""
    h = ((h ^ (h >> 16)) * 0x21F0AAAD) & BITS
    h = ((h ^ (h >> 15)) * 0x735A2D97) & BITS
    return h ^ (h >> 15)


@kernel
def drop(x, numbers, step, layer, scale, y):
    """y = x · scale[0] where a number is kept, else 0; x, y (F, 16).

    numbers (16,) are those of the images, step (2,) the training step and the seed; layer (2,) is the layer's key and
    the number, of 2³², below which a hash drops.
    """
    key = mixed(mixed(mixed(step[1] & BITS) + (step[0] & BITS)) + layer[0])
    factor = scale[0]
    for l in range(LANES):
        image = mixed(key + (numbers[l] & BITS))
        for f in range(x.shape[0]):
            y[f, l] = x[f, l] * factor if mixed(image + f) >= layer[1] else 0
