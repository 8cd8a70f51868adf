"""Sums, products and copies of whole activations, which join the branches of a network."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel


@kernel
def add(a, b, y):
    """y = a + b, each (n,); y may be one of them."""
    for i in range(y.size):
        y[i] = a[i] + b[i]


@kernel
def copy(a, y):
    """y = a, each (n,)."""
    for i in range(y.size):
        y[i] = a[i]


@kernel
def multiply(a, b, y):
    """y = a · b, each (n,)."""
    for i in range(y.size):
        y[i] = a[i] * b[i]


@kernel
def scale_channels(a, s, y):
    """y = a · s: a, y (C, M, L) with one factor a channel, s (C, L), for each of L images."""
    C, M, L = a.shape
    for c in range(C):
        for m in range(M):
            for l in range(L):
                y[c, m, l] = a[c, m, l] * s[c, l]


@kernel
def sum_products(a, b, s):
    """s (C, L) = the sum over m of a · b, both (C, M, L)."""
    C, M, L = a.shape
    for c in range(C):
        for l in range(L):
            s[c, l] = 0
        for m in range(M):
            for l in range(L):
                s[c, l] += a[c, m, l] * b[c, m, l]
