"""A picture from anywhere, made into what a network takes, and every change said in plain words."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcnn.errors import DataError
from nbcnn.files import sentence

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""What is opened. An allow-list: Pillow knows formats too that start another program (EPS)."""

MAX_PIXELS = 64_000_000
"""A file of a few bytes may declare a picture of gigabytes; none beyond this is decoded."""

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
    larger than MAX_PIXELS, and for a number of channels that no picture has.
    """
    import numpy as np

    if channels not in (1, 3):
        raise DataError(f"a picture has 1 channel (grey) or 3 (colour), but the network wants {channels}")
    steps: list[str] = []
    picture = _upright(_open(Path(path), steps), steps)
    if picture.mode in _DEEP or picture.mode == "F":
        picture = _to_eight_bits(picture, Path(path), steps)
    picture = _to_mode(picture, "L" if channels == 1 else "RGB", steps)
    pixels = np.asarray(picture)
    if np.ptp(pixels.reshape(-1, channels), axis=0).max() == 0:
        steps.append("warning: the picture is blank, all of one colour")
    if _inverts(_border(pixels), dark_background, invert, steps):
        pixels = 255 - pixels
    pixels = _fit(pixels, height, width, steps)
    image = np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))
    return Prepared(image, steps or ["used as it is"])


def has_dark_background(images: np.ndarray) -> bool | None:
    """Whether images, uint8 (N, C, H, W), have a dark background: what ``prepare`` wants to know of training images.

    True or False when at least two thirds of all border pixels are dark (below 64) or light (above 191), None when
    neither is so, as with photographs.
    """
    import numpy as np

    grey = images.mean(axis=1)
    edge = np.ones(grey.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    border = grey[:, edge]
    if np.mean(border < 64) >= 2 / 3:
        return True
    return False if np.mean(border > 191) >= 2 / 3 else None


def _open(path: Path, steps: list[str]) -> Image:
    """The decoded first picture of a file; its size is looked at before anything is decoded."""
    from PIL import Image, UnidentifiedImageError

    if path.is_dir():
        raise DataError(f"{path} is a folder; name a picture in it")
    if not path.exists():
        raise DataError(f"{path}: no such file; expected a picture")
    if not path.is_file():
        raise DataError(f"{path} is not a file; expected a picture")
    try:
        data = path.open("rb")
    except OSError as fault:
        raise DataError(sentence("read", path, fault)) from fault
    with data, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; its cap on pixels is above ours
        try:
            picture = Image.open(data, formats=FORMATS)
            wide, tall = picture.size
            if wide * tall > MAX_PIXELS:
                raise DataError(_too_large(path, f"{wide}×{tall}"))
            frames = getattr(picture, "n_frames", 1)
            picture.load()
        except Image.DecompressionBombError as fault:
            raise DataError(_too_large(path, "far more")) from fault
        except UnidentifiedImageError as fault:
            raise DataError(f"{path} is not an image that nbcnn reads; save it as {_listed()}") from fault
        except DataError:
            raise
        except Exception as fault:  # on a broken file the decoders raise nearly anything
            raise DataError(f"{path} is a broken image ({fault}); save it anew") from fault
    if frames > 1:
        steps.append(f"the first of {frames} frames")
    return picture


def _too_large(path: Path, size: str) -> str:
    return f"{path} is too large: {size} pixels, at most {MAX_PIXELS // 10**6} million are read; make it smaller"


def _listed() -> str:
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]


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
    border = np.round(_border(pixels)).astype(np.uint8)
    said = []
    if (h, w) != (tall, wide):
        # Bilinear in Pillow averages over all pixels that go into one, and does not ring around sharp strokes.
        pixels = np.asarray(Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR))
        said.append(f"resized to {w}×{h}")
    if (h, w) != (height, width):
        page = np.empty((height, width, *pixels.shape[2:]), np.uint8)
        page[...] = border.reshape(pixels.shape[2:])
        top, left = (height - h) // 2, (width - w) // 2
        page[top : top + h, left : left + w] = pixels
        pixels = page
        said.append(f"padded to {width}×{height}")
    if said:
        steps.append(f"{wide}×{tall} {' and '.join(said)}")
    return pixels
