"""The check of images that are handed to a network as an array, with the likely cause of a wrong shape."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from nbcnn.engine.network import Network
from nbcnn.errors import ShapeError


def check_input(network: Network, x: np.ndarray, kinds: Collection[str] = ("f", "uint8")) -> None:
    """Raise ShapeError with the likely cause unless x is an array (N, *in_shape), of one of these kinds of numbers.

    ``f`` is any float, else a name such as ``uint8``.
    """
    if isinstance(x, np.ma.MaskedArray):
        raise ShapeError("x is a masked array; fill its gaps first: x.filled(0)")
    known = isinstance(x, np.ndarray) and (x.dtype.kind in kinds or x.dtype.name in kinds)
    if known and x.shape[1:] == network.in_shape:
        return
    c, h, w = network.in_shape
    wanted = f"expected float32 images of shape (N, {c}, {h}, {w})"
    if not isinstance(x, np.ndarray):
        raise ShapeError(f"{wanted}, got {type(x).__name__}; pass a NumPy array")
    if x.shape[1:] != network.in_shape:
        hint = f"every image must have {c} channel(s), {h} rows and {w} columns"
        if x.shape == network.in_shape:
            hint = "this is one image without the batch axis: pass x[None]"
        elif x.ndim == 4 and x.shape[1:] == (h, w, c):
            hint = "this is probably (N, H, W, C), channels last: pass np.ascontiguousarray(x.transpose(0, 3, 1, 2))"
        elif c == 1 and x.shape[1:] == (h, w):
            hint = "the channel axis is missing: pass x[:, None]"
        raise ShapeError(f"{wanted}, got shape {x.shape}; {hint}")
    raise ShapeError(f"{wanted}, got {x.dtype} numbers; scale bytes as in training: x.astype('float32') / 255")
