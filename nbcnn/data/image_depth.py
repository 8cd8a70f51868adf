"""Pictures with more than 8 bits per channel, and their reduction to 8 bits by a white level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nbcnn.data.image_file import Decoded
from nbcnn.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras, microscopes and scanners have; files of 16 bits hold them all."""

FULL = 2**16 - 1
_BLOCK = 1 << 22  # so many numbers are scaled at a time


class Deep(NamedTuple):
    """Full-precision numbers (H, W) for grey, or (H, W, C), of the channels of ``mode``: L, LA, RGB or RGBA.

    ``white`` is what white is where the kind of file says so, else None. ``clear`` is the one grey or colour that is
    transparent, None where there is none.
    """

    values: np.ndarray
    mode: str = "L"
    white: int | None = None
    clear: int | tuple[int, ...] | None = None
    negative: bool = False

    @property
    def floats(self) -> bool:
        """Whether they are floating-point numbers."""
        return self.values.dtype.kind == "f"

    @property
    def opaque(self) -> np.ndarray | None:
        """Which pixels (H, W) can be seen at all; None for all."""
        found: np.ndarray | None = None
        if self.mode in ("LA", "RGBA"):
            found = self.values[..., -1] > 0
        elif self.clear is not None:
            other = self.values != self.clear
            found = other.any(axis=2) if self.values.ndim == 3 else other
        return found

    @property
    def range(self) -> tuple[float, float]:
        """The darkest and the lightest number of what can be seen; programs write any number where nothing is."""
        shown = self.values[..., :-1] if self.mode in ("LA", "RGBA") else self.values
        opaque = self.opaque
        if opaque is not None:
            shown = shown[opaque]
        return (shown.min().item(), shown.max().item()) if shown.size else (0, 0)


def deep(decoded: Decoded, name: object) -> Deep | None:
    """A picture's numbers if they have more than 8 bits, else None.

    Raises DataError for numbers that are no levels of grey: below 0, or NaN; ``name`` is the picture's.
    """
    import numpy as np

    picture, rawmode, low, negative, *_ = decoded
    clear = picture.info.get("transparency")
    if rawmode == "LA;16B" and low is not None:  # its four bytes: grey and transparency, the higher eight bits first
        four = np.asarray(low).astype(np.uint16)
        return Deep(four[..., [0, 2]] << 8 | four[..., [1, 3]], "LA")
    if low is not None:
        values = np.asarray(picture).astype(np.uint16) << 8 | np.asarray(low)
        return Deep(values, picture.mode, clear=clear if isinstance(clear, tuple) else None)
    if picture.mode != "F" and picture.mode != "I" and not picture.mode.startswith("I;16"):
        return None
    values = np.asarray(picture)
    if not np.isfinite(values).all() or values.min() < 0:
        what = "below 0" if np.isfinite(values).all() else "that are infinite or no numbers (NaN)"
        raise DataError(f"{name} has pixels {what}; save it with 8 or 16 bits")
    return Deep(values, white=decoded.white, clear=clear if isinstance(clear, int) else None, negative=negative)


def white_level(largest: float, floats: bool) -> int | None:
    """The white level of pictures with numbers up to ``largest``: 1 for floats up to 1, else 8, 10, … 16 bits full.

    None for more than 16 bits.
    """
    if floats and largest <= 1:
        return 1
    return next((2**bits - 1 for bits in DEPTHS if largest <= 2**bits - 1), None)


def eight_bits(numbers: Deep, white: int) -> Image:
    """The picture with 8 bits a channel: ``white`` and what is above it becomes 255, 0 stays 0."""
    import numpy as np
    from PIL import Image

    values, mode = numbers.values, numbers.mode
    small = _scaled(values, white)
    if mode in ("LA", "RGBA"):
        alpha = values[..., -1]
        small[..., -1] = _scaled(alpha, white if alpha.max() <= white else FULL)
    elif (opaque := numbers.opaque) is not None:
        small, mode = np.dstack([small, np.where(opaque, 255, 0).astype(np.uint8)]), mode + "A"
    if numbers.negative:
        small = 255 - small
    return Image.frombytes(mode, (small.shape[1], small.shape[0]), np.ascontiguousarray(small).tobytes())


def _scaled(values: np.ndarray, white: int) -> np.ndarray:
    """255·value / white, rounded, a block at a time."""
    import numpy as np

    flat, found = values.reshape(-1), np.empty(values.size, np.uint8)
    for start in range(0, flat.size, _BLOCK):
        if values.dtype.kind == "f":
            block = np.minimum(flat[start : start + _BLOCK].astype(np.float64), white)
            found[start : start + _BLOCK] = np.floor(block * 255 / white + 0.5)
        else:
            block = np.minimum(flat[start : start + _BLOCK].astype(np.int64), white)
            found[start : start + _BLOCK] = (block * 255 + white // 2) // white
    return found.reshape(values.shape)
