"""Small PNGs side by side in an HTML page: images as they are, and feature maps in colours around 0."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nbcnn.report.grey_picture import colour_png
from nbcnn.report.page import Html, Part, element, html

if TYPE_CHECKING:
    import numpy as np

LARGEST = 96
"""Pixels of the longer side of an image in a page; a larger one is made smaller."""
SHADES = ((5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31))
"""Red, green, blue of the least number, half of it, 0, half of the largest, the largest."""


def image(pixels: np.ndarray, words: str, width: int = 84) -> Html:
    """An image uint8 (1 or 3, H, W), shown ``width`` pixels wide; ``words`` are for those who can't see it."""
    import numpy as np
    from PIL import Image as Pillow

    array = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    array = np.ascontiguousarray(array)
    if (longest := max(array.shape[:2])) > LARGEST:
        size = (max(1, array.shape[1] * LARGEST // longest), max(1, array.shape[0] * LARGEST // longest))
        array = np.asarray(Pillow.fromarray(array).resize(size, Pillow.Resampling.LANCZOS))
    return _img(colour_png(array, 1), words, width, array.shape[0] / array.shape[1])


def signed(numbers: np.ndarray, largest: float, words: str, width: int = 56) -> Html:
    """(H, W) numbers: white at 0, red above, blue below, up to ``largest``; not finite ones are grey."""
    import numpy as np

    height, columns = numbers.shape
    if max(height, columns) > LARGEST:
        step = -(-max(height, columns) // LARGEST)
        numbers = numbers[::step, ::step]
    wide = np.asarray(numbers, np.float64)
    finite = np.isfinite(wide)
    levels = np.clip(np.where(finite, wide, 0) / largest, -1, 1)
    places = np.linspace(-1, 1, len(SHADES))
    colours = np.stack([np.interp(levels, places, [shade[k] for shade in SHADES]) for k in range(3)], axis=-1)
    colours[~finite] = 128
    return _img(colour_png(colours.round().astype(np.uint8), 1), words, width, height / columns)


def scale(numbers: np.ndarray) -> float:
    """The largest number without its sign; 1 where all are 0 or not finite."""
    import numpy as np

    found = float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0))
    return found if found > 1e-30 else 1.0


def in_rows(pictures: Iterable[Part]) -> Html:
    """Pictures beside each other, in as many rows as they need."""
    return element("div", *pictures, class_="pictures")


def with_words(picture: Html, *lines: Part) -> Html:
    """A picture with a few lines below it."""
    return element("figure", picture, element("figcaption", *(element("div", line) for line in lines)), class_="card")


def _img(png: bytes, words: str, width: int, tall: float) -> Html:
    source = "data:image/png;base64," + b64encode(png).decode("ascii")
    size = f'width="{width}" height="{max(1, round(width * tall))}"'
    return Html(f'<img class="pixels" src="{source}" alt="{html(words)}" {size}>')
