"""The divisor of an average-pooling window."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel


@kernel
def divisor(r, q, H, W, attributes):
    """What the sum over the window from row r and column q on is divided by: D of equation (7).

    A number that was given; else how many taps meet the image, or (``whole``) the image and the padding around it.
    """
    (KH, KW), _, (_, bottom, _, right), (whole, given) = attributes
    if given != 0:
        return given
    if whole:
        return (min(r + KH, H + bottom) - r) * (min(q + KW, W + right) - q)
    # At least 1: the mean of no pixels is 0, as in PyTorch.
    return max(1, min(r + KH, H) - max(r, 0)) * max(1, min(q + KW, W) - max(q, 0))
