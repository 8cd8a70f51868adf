"""Largest score and sum of exponentials, for the kernels of softmax and the loss."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import exp, lane, load, maximum, splat, store
from nbcnn.lanes.block_sums import block_length


@kernel
def largest_and_total(x, y):
    """The largest score m of each image, and the sum of e**(x_k - m), over many classes in blocks.

    These exponentials are written to y, unless that is None.
    """
    K = x.shape[0]
    length, zero = block_length(K), splat(x.dtype.type(0))
    largest = load(x, (0,))
    for k in range(1, K):
        largest = maximum(largest, load(x, (k,)))
    s = total = zero
    for first in range(0, K, length):
        for k in range(first, min(first + length, K)):
            e = exp(load(x, (k,)) - largest)
            s += e
            if y is not None:
                store(y, (k,), e)
        s, total = zero, total + s
    return largest, total


@kernel
def largest_and_total_of_one(x, y):
    """The same of one image's scores x (K,): all lanes hold the same number, for the sum has its order."""
    K = x.shape[0]
    length, zero = block_length(K), splat(x.dtype.type(0))
    largest = splat(x[0])
    for k in range(1, K):
        largest = maximum(largest, splat(x[k]))
    s = total = zero
    for first in range(0, K, length):
        for k in range(first, min(first + length, K)):
            e = exp(splat(x[k]) - largest)
            s += e
            if y is not None:
                y[k] = lane(e, 0)
        s, total = zero, total + s
    return lane(largest, 0), lane(total, 0)
