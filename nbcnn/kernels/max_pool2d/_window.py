"""The window of max pooling: its first row and column inside of the image."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel


@kernel
def inside(first, step):
    """The first row (column) of a window that begins at ``first``, outside of the image or not, to lie inside."""
    return first if first >= 0 else first % step
