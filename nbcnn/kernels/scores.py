"""Largest score and sum of exponentials of each image, for the kernels of softmax and the loss."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import exp, load, maximum, splat
from nbcnn.lanes.block_sums import block_length


@kernel
def largest_and_total(x):
    """The largest score m of each image, and the sum of e**(x_k - m), over many classes in blocks."""
    K = x.shape[0]
    length, zero = block_length(K), splat(x.dtype.type(0))
    largest = load(x, (0,))
    for k in range(1, K):
        largest = maximum(largest, load(x, (k,)))
    s = total = zero
    for first in range(0, K, length):
        for k in range(first, min(first + length, K)):
            s += exp(load(x, (k,)) - largest)
        s, total = zero, total + s
    return largest, total
