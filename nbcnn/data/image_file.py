"""Image files: decoding by Pillow, and an error sentence for every file that can't be read."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from nbcnn.errors import DataError
from nbcnn.util.files import sentence

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow logs what it finds odd in a file, and without a handler Python would print that on the error output.
logging.getLogger("PIL").addHandler(logging.NullHandler())

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""The formats that are opened. An allow-list: Pillow knows formats too that start another program (EPS)."""

MAX_PIXELS = 64_000_000
"""A file of a few bytes may declare a picture of gigabytes; none beyond this is decoded."""

MAX_SECONDS = 10.0
"""Seconds of this thread's own time for one file: a small one may hold a million empty blocks, comments or tiles."""

MAX_SCANS = 100
"""Scans of a JPEG: each goes over the whole picture, and a hundred bytes suffice for one. Usual are some ten."""

_SCAN = b"\xff\xda"
_GREYS = {"L;2": 85, "L;4": 17}
"""The factors of Pillow for greys of 2 and 4 bits; it leaves the grey that is transparent as it is in the file."""
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Step(str):
    """One change of a picture, in words; ``kind`` is the part that many pictures of a data set share."""

    kind: str

    def __new__(cls, text: str, kind: str = "") -> Step:
        made = super().__new__(cls, text)
        made.kind = kind or text
        return made


class Decoded(NamedTuple):
    """A file's first picture, as Pillow decodes it, and what Pillow loses of it.

    ``rawmode`` is how the file stores a pixel, in Pillow's words (``RGB;16B``). Of colour with 16 bits a channel Pillow
    keeps the higher eight: ``low`` is the same picture with the lower eight. ``negative`` is a grey picture of 16 bits
    whose 0 is white, which Pillow leaves so. ``white`` is what white is in the numbers of a grey picture of more than 8
    bits, where its file says so. ``lost``: the lower eight of 16 bits could not be had.
    """

    image: Image
    rawmode: str = ""
    low: Image | None = None
    negative: bool = False
    white: int | None = None
    lost: bool = False


def open_picture(path: Path, steps: list[Step]) -> Decoded:
    """The decoded first picture of a file; its size is looked at before anything is decoded.

    A file of several frames adds a sentence to ``steps``. Raises DataError for a file that is missing, no picture,
    broken, larger than MAX_PIXELS, or takes longer than MAX_SECONDS.
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
            return _decoded(_Timed(data, path), path, steps)
        except Image.DecompressionBombError as fault:
            raise DataError(_too_large(path, "far more")) from fault
        except UnidentifiedImageError as fault:
            raise DataError(_unknown(path, data)) from fault
        except DataError:
            raise
        except Exception as fault:  # on a broken file the decoders raise nearly anything
            raise DataError(f"{path} is a broken image ({_reason(fault)}); save it anew") from fault


def _decoded(data: _Timed, path: Path, steps: list[Step]) -> Decoded:
    from PIL import Image

    picture: Any = Image.open(data, formats=FORMATS)  # type: ignore[arg-type]
    wide, tall = picture.size
    if wide * tall > MAX_PIXELS:
        raise DataError(_too_large(path, f"{wide}×{tall}"))
    if picture.format in ("JPEG", "MPO") and data.count(_SCAN) > MAX_SCANS:
        raise DataError(f"{path} is a JPEG of more than {MAX_SCANS} scans, which takes too long; save it anew")
    # Whether there is a second frame; how many there are takes a walk through the whole file.
    several = bool(getattr(picture, "is_animated", False))
    rawmode, tags = _rawmode(picture.tile), getattr(picture, "tag_v2", {})
    largest = _ppm_largest(picture)
    turned = tags.get(0x0112, 1) in range(2, 9)  # a TIFF is turned upright as it is decoded
    if tags.get(284) == 2 and max(tags.get(258, (8,))) > 8 and picture.mode in ("RGB", "RGBA", "CMYK"):
        raise DataError(f"{path} is a TIFF of 16 bits with a plane for each colour; save it as PNG")
    picture.load()
    if rawmode in _GREYS and isinstance(picture.info.get("transparency"), int):
        picture.info["transparency"] *= _GREYS[rawmode]
    low: Any = None
    if (other := _lower(rawmode)) is not None:
        data.seek(0)
        low = Image.open(data, formats=FORMATS)  # type: ignore[arg-type]
        low.tile = [_with_rawmode(tile, other) for tile in low.tile]
        low.load()
    if several:
        steps.append(Step("the first of several frames"))
    if turned and 0x0112 not in picture.getexif():
        steps.append(Step("turned upright, as its EXIF data say"))
    negative = tags.get(262) == 0 and picture.mode.startswith("I;16")
    white = 4095 if rawmode == "I;12" else 65535 if 255 < largest < 65535 else None
    lost = low is None and picture.mode in ("RGB", "RGBA", "CMYK") and (";16" in rawmode or largest == 65535)
    return Decoded(picture, rawmode, low, negative, white, lost)


def _rawmode(tiles: list[Any]) -> str:
    """How a file stores a pixel, before it is loaded; "" where the format does not say."""
    arguments = tiles[0][3] if tiles else ""
    found = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return found if isinstance(found, str) else ""


def _ppm_largest(picture: Any) -> int:
    """The number that a PPM calls white, by which Pillow scales colour to 8 bits, grey to 16; 0 for other formats."""
    if picture.format != "PPM" or not picture.tile:
        return 0
    arguments = picture.tile[0][3]
    if isinstance(arguments, tuple) and isinstance(arguments[-1], int) and arguments[-1] > 255:
        return arguments[-1]
    return 65535 if picture.mode == "I" else 0


def _lower(rawmode: str) -> str | None:
    """The raw mode that takes the lower eight bits for the higher ones: that of the other order of bytes."""
    if rawmode == "LA;16B":
        return "RGBA"  # its four bytes as they are
    kind, _, order = rawmode.partition(";16")
    if kind not in ("RGB", "RGBA", "RGBX") or order not in ("B", "L", "N"):
        return None
    little = order == "L" or (order == "N" and sys.byteorder == "little")
    return f"{kind};16{'B' if little else 'L'}"


def _with_rawmode(tile: Any, rawmode: str) -> Any:
    arguments = (rawmode, *tile[3][1:]) if isinstance(tile[3], tuple) else rawmode
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


class _Timed:
    """An open file whose reading ends with DataError once this thread has spent MAX_SECONDS since it was opened.

    Without a fileno, so that no decoder goes past it.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = file, path
        self._end = time.thread_time() + MAX_SECONDS

    def read(self, size: int = -1) -> bytes:
        if time.thread_time() > self._end:
            raise DataError(f"{self._path} takes more than {MAX_SECONDS:g} s to read; save it anew")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        """The file is closed by who opened it."""

    def count(self, word: bytes) -> int:
        """How often ``word`` is in the file, whose position stays."""
        place = self.tell()
        self.seek(0)
        found = self.read().count(word)
        self.seek(place)
        return found


def _reason(fault: Exception) -> str:
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= 200 else text[:199] + "…"


def _unknown(path: Path, data: IO[bytes]) -> str:
    data.seek(0)
    if data.read(4) in _TIFF_STARTS:
        return f"{path} is a TIFF of a kind that nbcnn does not read, or a broken one; save it as PNG"
    return f"{path} is not an image that nbcnn reads; save it as {formats()}"


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
            with path.open("rb") as file, Image.open(_Timed(file, path), formats=FORMATS):  # type: ignore[arg-type]
                return True
        except UnidentifiedImageError:
            return False
        except Exception:
            return True


def formats() -> str:
    """The formats that are read, as the end of a sentence."""
    return ", ".join(FORMATS[:-1]) + " or " + FORMATS[-1]
