"""What a core can do at best: multiply-adds in registers and nothing else, copying and nothing else.

Measured speeds of kernels are held against these (nbcnn/machine.py).
"""

from __future__ import annotations

from nbcnn.kernels.jit import kernel
from nbcnn.kernels.lanes import load, store

CHAINS = (4, 8)
"""Sums under way at once in the two kernels below: few fit narrow registers, many hide the latency of wide ones."""


@kernel
def multiply_add_4(x, y, count):
    """4·count lanes' multiply-adds of x (2, 16); y (1, 16) takes the sum, so that none can be left out."""
    u, v = load(x, (0,)), load(x, (1,))
    s0 = s1 = s2 = s3 = u
    for _ in range(count):
        s0 += u * v
        s1 += u * v
        s2 += u * v
        s3 += u * v
    store(y, (0,), s0 + s1 + s2 + s3)


@kernel
def multiply_add_8(x, y, count):
    """8·count lanes' multiply-adds of x (2, 16); y (1, 16) takes the sum."""
    u, v = load(x, (0,)), load(x, (1,))
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = u
    for _ in range(count):
        s0 += u * v
        s1 += u * v
        s2 += u * v
        s3 += u * v
        s4 += u * v
        s5 += u * v
        s6 += u * v
        s7 += u * v
    store(y, (0,), s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7)


@kernel
def copy(x, y, count):
    """x (P, 16) to y, count times."""
    for _ in range(count):
        for p in range(x.shape[0]):
            store(y, (p,), load(x, (p,)))
