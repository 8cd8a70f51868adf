"""Microbenchmarks of a core's peak: multiply-adds per second in registers, bytes copied per second.

Measured speeds of kernels are held against these (nbcnn/autotune/roofline.py).
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import load, store

CHAINS = (4, 8)
"""Chains under way at once in the two kernels below: few fit narrow registers, many hide the latency of wide ones."""

# A chain is s ← s·u + v: its product is new each time, where u·v would be taken out of the loop, and each chain starts
# from a number of its own, for equal chains would be made one.


@kernel
def multiply_add_4(x, y, count):
    """4 chains of count multiply-adds, from x (2 + 4, 16): u, v, starts; y (1, 16) takes their sum."""
    u, v = load(x, (0,)), load(x, (1,))
    s0, s1, s2, s3 = load(x, (2,)), load(x, (3,)), load(x, (4,)), load(x, (5,))
    for _ in range(count):
        s0 = s0 * u + v
        s1 = s1 * u + v
        s2 = s2 * u + v
        s3 = s3 * u + v
    store(y, (0,), s0 + s1 + s2 + s3)


@kernel
def multiply_add_8(x, y, count):
    """8 chains of count multiply-adds, from x (2 + 8, 16): u, v, starts; y (1, 16) takes their sum."""
    u, v = load(x, (0,)), load(x, (1,))
    s0, s1, s2, s3 = load(x, (2,)), load(x, (3,)), load(x, (4,)), load(x, (5,))
    s4, s5, s6, s7 = load(x, (6,)), load(x, (7,)), load(x, (8,)), load(x, (9,))
    for _ in range(count):
        s0 = s0 * u + v
        s1 = s1 * u + v
        s2 = s2 * u + v
        s3 = s3 * u + v
        s4 = s4 * u + v
        s5 = s5 * u + v
        s6 = s6 * u + v
        s7 = s7 * u + v
    store(y, (0,), s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7)


@kernel
def copy(x, y, count):
    """x (P, 16) to y, count times."""
    for _ in range(count):
        for p in range(x.shape[0]):
            store(y, (p,), load(x, (p,)))
