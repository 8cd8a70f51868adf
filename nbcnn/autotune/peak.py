"""Microbenchmarks of a core's peak: multiply-adds per second in registers, bytes copied per second.

Measured speeds of kernels are held against these (nbcnn/autotune/roofline.py).
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.lanes import add_products, load, load_each, store, store_each, strided

CHAINS = (4, 8)
"""Chains under way at once: few fit narrow registers, many hide the latency of wide ones."""


@kernel
def multiply_add(x, y, count, chains):
    """N chains of count multiply-adds, from x (2 + N, 16): u, v, starts; y (N, 16) takes their ends.

    ``chains`` is the tuple (0, …, N - 1), so that N is in the type. A chain is s ← s·u + v: its product is new each
    time, where u·v would be taken out of the loop. Each has a start of its own, for equal chains would be made one.
    """
    u, v, s = load(x, (0,)), load_each(x, (strided(1, 0, chains),)), load_each(x, (strided(2, 1, chains),))
    for _ in range(count):
        (s,) = add_products((v,), (u,), s)
    store_each(y.reshape((1, *y.shape)), ((0,), chains), (s,))


@kernel
def copy(x, y, count):
    """x (P, 16) to y, count times."""
    for _ in range(count):
        for p in range(x.shape[0]):
            store(y, (p,), load(x, (p,)))
