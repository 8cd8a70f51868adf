"""Files of images: which are opened, and a sentence for every one that cannot be."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from nbcnn.errors import DataError
from nbcnn.files import sentence

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow logs what it finds odd in a file, and without a handler Python would print that on the error output.
logging.getLogger("PIL").addHandler(logging.NullHandler())

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""What is opened. An allow-list: Pillow knows formats too that start another program (EPS)."""

MAX_PIXELS = 64_000_000
"""A file of a few bytes may declare a picture of gigabytes; none beyond this is decoded."""


def open_picture(path: Path, steps: list[str]) -> Image:
    """The decoded first picture of a file; its size is looked at before anything is decoded.

    A file of several frames adds a sentence to ``steps``. Raises DataError for a file that is missing, no picture,
    broken or larger than MAX_PIXELS.
    """
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
            raise DataError(f"{path} is not an image that nbcnn reads; save it as {formats()}") from fault
        except DataError:
            raise
        except Exception as fault:  # on a broken file the decoders raise nearly anything
            raise DataError(f"{path} is a broken image ({fault}); save it anew") from fault
    if frames > 1:
        steps.append(f"the first of {frames} frames")
    return picture


def _too_large(path: Path, size: str) -> str:
    return f"{path} is too large: {size} pixels, at most {MAX_PIXELS // 10**6} million are read; make it smaller"


def is_picture(path: Path) -> bool:
    """Whether a file begins like a picture. Nothing is decoded: what else is wrong with it, reading it will say."""
    from PIL import Image, UnidentifiedImageError

    if not path.is_file():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=FORMATS):
                return True
        except UnidentifiedImageError:
            return False
        except Exception:
            return True


def formats() -> str:
    """The formats that are read, as the end of a sentence."""
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]
