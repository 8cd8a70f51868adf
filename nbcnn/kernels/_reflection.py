"""Reflection at the borders of an image, without doubling the border: … 2 1 | 0 1 2 … n-1 | n-2 …"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel


@kernel
def reflected(i, n):
    """The row of an image of n rows that row i, outside or inside, shows; i is less than n rows outside."""
    i = -i if i < 0 else i
    return 2 * (n - 1) - i if i >= n else i
