"""Resizing of a picture to a height and width, proportions kept, padded with the colour of its border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.data.image_file import Step

if TYPE_CHECKING:
    import numpy as np


def fit(pixels: np.ndarray, height: int, width: int, steps: list[Step]) -> np.ndarray:
    """Pixels (H, W) or (H, W, C), uint8, fitted to ``height`` and ``width``, in the middle of their border's colour."""
    import numpy as np
    from PIL import Image

    tall, wide = pixels.shape[:2]
    scale = min(height / tall, width / wide)
    h, w = min(height, max(1, round(tall * scale))), min(width, max(1, round(wide * scale)))
    original, said, kind = pixels, [], f"padded to {width}×{height}"
    if (h, w) != (tall, wide):
        # Bilinear in Pillow averages over all pixels that go into one, and does not ring around sharp strokes.
        pixels = np.asarray(Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR))
        said.append(f"resized to {w}×{h}")
        kind = f"resized to {width}×{height}"
    if (h, w) != (height, width):
        page = np.empty((height, width, *pixels.shape[2:]), np.uint8)
        page[...] = np.round(_border_colour(original)).astype(np.uint8).reshape(pixels.shape[2:])
        top, left = (height - h) // 2, (width - w) // 2
        page[top : top + h, left : left + w] = pixels
        pixels = page
        said.append(f"padded to {width}×{height}")
    if said:
        steps.append(Step(f"{wide}×{tall} {' and '.join(said)}", kind))
    return pixels


def _border_colour(pixels: np.ndarray) -> np.ndarray:
    """The median colour (C,) of the outermost pixels of an (H, W) or (H, W, C) picture."""
    import numpy as np

    rows = pixels.reshape(*pixels.shape[:2], -1)
    edges = np.concatenate([rows[0], rows[-1], rows[1:-1, 0], rows[1:-1, -1]])
    return np.asarray(np.median(edges, axis=0))
