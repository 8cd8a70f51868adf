"""Conversion of every Pillow mode to 8-bit grey or colour without transparency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbcnn.data.image_file import Step

if TYPE_CHECKING:
    from PIL.Image import Image

_NAMED = {
    "1": "black and white to grey",
    "P": "palette to colour",
    "CMYK": "CMYK to colour",
    "LAB": "CIELAB to colour",
    "HSV": "HSV to colour",
    "YCbCr": "YCbCr to colour",
}
_BLOCK = 1 << 18  # so many pixels are converted at a time
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}

# CIE 15 and IEC 61966-2-1: XYZ of white under D50, and XYZ under D50 to linear sRGB (Bradford's adaptation).
_WHITE = (0.96422, 1.0, 0.82521)
_TO_SRGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)


def to_mode(picture: Image, mode: str, steps: list[Step]) -> Image:
    """The picture in ``mode``, L (grey) or RGB (colour). Transparent parts become white. Profiles (ICC) are not used.

    Grey of colour is ITU-R BT.601's: 0.299 red, 0.587 green, 0.114 blue.
    """
    if picture.has_transparency_data:
        picture = _on_white(picture, steps)
    if picture.mode in _NAMED:
        steps.append(Step(_NAMED[picture.mode]))
    if picture.mode == "LAB":
        picture = _from_lab(picture)
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    if picture.mode == mode:
        return picture
    if mode == "L":
        steps.append(Step("colour to grey"))
    else:
        steps.append(Step("grey to colour: the same in red, green and blue"))
    return picture.convert(mode)


def _on_white(picture: Image, steps: list[Step]) -> Image:
    from PIL import Image

    grey = picture.mode in ("L", "LA", "La", "1")
    if picture.mode in _PREMULTIPLIED:
        picture = picture.convert(_PREMULTIPLIED[picture.mode])
    layered = picture.convert("RGBA")
    if sum(layered.getchannel("A").histogram()[:255]):
        steps.append(Step("transparent parts made white"))
    flat = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")
    return flat.convert("L") if grey else flat


def _from_lab(picture: Image) -> Image:
    """CIE L*a*b* under D50, in bytes of which a* and b* have a sign, to sRGB: Pillow has no conversion of its own."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(picture).reshape(-1, 3)
    signed = pixels.view(np.int8)
    found = np.empty_like(pixels)
    for start in range(0, len(pixels), _BLOCK):
        light = (pixels[start : start + _BLOCK, 0] / 2.55 + 16) / 116
        a, b = signed[start : start + _BLOCK, 1], signed[start : start + _BLOCK, 2]
        cubes = np.stack([light + a / 500, light, light - b / 200])
        xyz = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29)) * np.array(_WHITE)[:, None]
        linear = np.clip(np.array(_TO_SRGB) @ xyz, 0, 1)
        curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        found[start : start + _BLOCK] = np.floor(255 * curved + 0.5).T
    return Image.fromarray(found.reshape(picture.height, picture.width, 3))
