"""A picture from anywhere, made into what a network takes, and every change said in plain words.

Training reads the images of a folder, and prediction its pictures, by the same steps: a network must not meet pixels
that were made in another way than those it learned from.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcnn.errors import DataError
from nbcnn.imagefile import open_picture

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

_UNUSED = {"1": "black and white to grey", "P": "palette to colour", "CMYK": "CMYK to colour"}
_DEEP = {"I;16", "I;16B", "I;16L", "I;16N", "I"}


class Prepared(NamedTuple):
    """A picture as a network takes it: uint8 (C, H, W), and what was done to it, in order."""

    image: np.ndarray
    steps: list[str]


def prepare(
    path: str | Path,
    channels: int,
    height: int,
    width: int,
    dark_background: bool | None,
    invert: bool | None = None,
) -> Prepared:
    """Read a picture and make it ``channels`` × ``height`` × ``width``, nothing cropped or stretched.

    Turned upright as its EXIF data say, transparent parts made white, grey or colour as the network wants, resized to
    fit and padded with the colour of its border. It is inverted when its border is light and the training images'
    background dark (``dark_background`` True), or the other way round; ``invert`` decides instead where it is given,
    and nothing is inverted where both are None. Raises DataError for a file that is missing, no picture, broken or
    larger than imagefile.MAX_PIXELS, and for a number of channels that no picture has.
    """
    import numpy as np

    if channels not in (1, 3):
        raise DataError(f"a picture has 1 channel (grey) or 3 (colour), but the network wants {channels}")
    steps: list[str] = []
    pixels = _pixels(Path(path), channels, steps)
    if np.ptp(pixels.reshape(-1, channels), axis=0).max() == 0:
        steps.append("warning: the picture is blank, all of one colour")
    if _inverts(_border(pixels), dark_background, invert, steps):
        pixels = 255 - pixels
    return Prepared(_channels_first(_fit(pixels, height, width, steps)), steps or ["used as it is"])


def read(path: str | Path, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """What ``prepare`` makes of a picture without inverting it: uint8 (``channels``, H, W), ``channels`` 1 or 3.

    ``size`` is (H, W), or None for the picture's own. Raises DataError as ``prepare`` does.
    """
    pixels = _pixels(Path(path), channels, [])
    return _channels_first(_fit(pixels, *size, []) if size else pixels)


def refit(image: np.ndarray, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """The same for a picture in memory, uint8 (1 or 3, H, W): made grey or colour, and fitted to ``size`` if given."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    pixels = np.asarray(_to_mode(picture, "L" if channels == 1 else "RGB", []))
    return _channels_first(_fit(pixels, *size, []) if size else pixels)


def has_dark_background(images: np.ndarray) -> bool | None:
    """Whether images, uint8 (N, C, H, W), have a dark background: what ``prepare`` wants to know of training images.

    True or False when at least two thirds of all border pixels are dark (below 64) or light (above 191), None when
    neither is so, as with photographs.
    """
    import numpy as np

    edge = np.ones(images.shape[2:], bool)
    edge[1:-1, 1:-1] = False
    # The border first: the mean of all pixels would take eight times the memory of the images.
    border = images[:, :, edge].mean(axis=1, dtype=np.float32)
    if np.mean(border < 64) >= 2 / 3:
        return True
    return False if np.mean(border > 191) >= 2 / 3 else None


def _pixels(path: Path, channels: int, steps: list[str]) -> np.ndarray:
    """A file upright, with eight bits a channel, nothing transparent: (H, W) for one channel, (H, W, 3) for three."""
    import numpy as np

    picture = _upright(open_picture(path, steps), steps)
    if picture.mode in _DEEP or picture.mode == "F":
        picture = _to_eight_bits(picture, path, steps)
    return np.asarray(_to_mode(picture, "L" if channels == 1 else "RGB", steps))


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))


def _upright(picture: Image, steps: list[str]) -> Image:
    """Turned or mirrored as the camera noted (EXIF tag 0x0112; 1 is upright)."""
    from PIL import ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow only warns of data that it can't read
        try:
            noted = picture.getexif().get(0x0112, 1)
            turned = ImageOps.exif_transpose(picture)
        except Exception:
            steps.append("its EXIF data are broken and were not used")
            return picture
    if noted in range(2, 9):
        steps.append("turned upright, as its EXIF data say")
    return turned


def _to_mode(picture: Image, mode: str, steps: list[str]) -> Image:
    """Eight bits a channel, no transparency, grey (L) or colour (RGB)."""
    from PIL import Image

    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        if min(layered.getchannel("A").tobytes()) < 255:
            steps.append("transparent parts made white")
        paper = Image.new("RGBA", layered.size, "white")
        flat = Image.alpha_composite(paper, layered).convert("RGB")
        picture = flat.convert("L") if picture.mode in ("L", "LA", "La") else flat
    if picture.mode in _UNUSED:
        steps.append(_UNUSED[picture.mode])
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    if picture.mode == mode:
        return picture
    if picture.mode != "L" and mode == "L":
        steps.append("colour to grey")
    elif picture.mode == "L":
        steps.append("grey to colour: the same in red, green and blue")
    return picture.convert(mode)


def _to_eight_bits(picture: Image, path: Path, steps: list[str]) -> Image:
    """16 bits to 8: 65535 becomes 255. Pillow's own conversion would cut everything above 255 off."""
    import numpy as np
    from PIL import Image

    deep = np.asarray(picture)
    if picture.mode == "F" or deep.min() < 0 or deep.max() > 65535:
        kind = "floating-point" if picture.mode == "F" else "32-bit"
        raise DataError(f"{path} is an image of {kind} numbers, without a set white; save it with 8 or 16 bits")
    steps.append("16 bits to 8")
    return Image.fromarray(((deep.astype(np.int64) + 128) // 257).astype(np.uint8))


def _border(pixels: np.ndarray) -> np.ndarray:
    """The median colour (C,) of the outermost pixels of an (H, W) or (H, W, C) picture."""
    import numpy as np

    rows = pixels.reshape(*pixels.shape[:2], -1)
    edges = np.concatenate([rows[0], rows[-1], rows[1:-1, 0], rows[1:-1, -1]])
    return np.asarray(np.median(edges, axis=0))


def _inverts(border: np.ndarray, dark_background: bool | None, invert: bool | None, steps: list[str]) -> bool:
    light = bool(border.mean() > 127.5)
    if invert is not None:
        if invert:
            steps.append("inverted, as asked")
        return invert
    if dark_background is None or light != dark_background:
        return False
    here, there = ("light", "dark") if light else ("dark", "light")
    steps.append(f"inverted: the background is {here}, the training images have a {there} one")
    return True


def _fit(pixels: np.ndarray, height: int, width: int, steps: list[str]) -> np.ndarray:
    """Resized to fit, its proportions kept, in the middle of its own border colour."""
    import numpy as np
    from PIL import Image

    tall, wide = pixels.shape[:2]
    scale = min(height / tall, width / wide)
    h, w = min(height, max(1, round(tall * scale))), min(width, max(1, round(wide * scale)))
    original, said = pixels, []
    if (h, w) != (tall, wide):
        # Bilinear in Pillow averages over all pixels that go into one, and does not ring around sharp strokes.
        pixels = np.asarray(Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR))
        said.append(f"resized to {w}×{h}")
    if (h, w) != (height, width):
        page = np.empty((height, width, *pixels.shape[2:]), np.uint8)
        page[...] = np.round(_border(original)).astype(np.uint8).reshape(pixels.shape[2:])
        top, left = (height - h) // 2, (width - w) // 2
        page[top : top + h, left : left + w] = pixels
        pixels = page
        said.append(f"padded to {width}×{height}")
    if said:
        steps.append(f"{wide}×{tall} {' and '.join(said)}")
    return pixels
