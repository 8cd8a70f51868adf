"""Small PNGs of images for pages, their pixels enlarged: a channel in grey, with a window outlined, or in colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

SIDE = 224
"""About how many pixels the longer side of the picture has."""
ORANGE = (230, 159, 0)

Place = tuple[int, int]


def grey_png(channel: np.ndarray, window: tuple[Place, Place] | None = None) -> bytes:
    """(H, W) numbers as a PNG, the smallest black and the largest white; not finite ones are grey.

    ``window`` are its first and its last row and column, which may lie outside of the channel.
    """
    import numpy as np
    from PIL import Image as Pillow
    from PIL import ImageDraw

    numbers = np.asarray(channel, np.float64)
    finite = np.isfinite(numbers)
    low, high = (float(numbers[finite].min()), float(numbers[finite].max())) if finite.any() else (0.0, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        levels = (numbers - low) / ((high - low) or 1.0)
    grey = np.where(finite, np.nan_to_num(levels) * 255, 128).astype(np.uint8)
    each = max(1, SIDE // max(grey.shape))
    picture = Pillow.fromarray(grey).resize((grey.shape[1] * each, grey.shape[0] * each), Pillow.Resampling.NEAREST)
    if window is not None:
        picture = picture.convert("RGB")
        (top, left), (bottom, right) = window
        box = (left * each, top * each, (right + 1) * each - 1, (bottom + 1) * each - 1)
        ImageDraw.Draw(picture).rectangle(box, outline=ORANGE, width=max(2, each // 4))
    return _png(picture)


def colour_png(pixels: np.ndarray, side: int = SIDE) -> bytes:
    """(H, W, 3) bytes as a PNG, or (H, W) in grey as they are."""
    from PIL import Image as Pillow

    each = max(1, side // max(pixels.shape[:2]))
    size = pixels.shape[1] * each, pixels.shape[0] * each
    return _png(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.NEAREST))


def _png(picture: Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="png")
    return file.getvalue()
