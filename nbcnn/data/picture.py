"""Preparation of one picture for a network (decode, scale, resize, invert), each change described in words.

Training reads the images of a folder, and prediction its pictures, by the same steps: a network must not meet pixels
that were made in another way than those it learned from.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nbcnn.data.background import inverts
from nbcnn.data.image_depth import FULL, Deep, deep, eight_bits
from nbcnn.data.image_file import MAX_PIXELS, Decoded, Step, open_picture
from nbcnn.data.image_modes import to_mode
from nbcnn.data.image_resize import fit
from nbcnn.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

FEW_LEVELS = 16
"""A picture whose lightest pixel is below this level, of 255, is nearly black."""


@dataclass(frozen=True)
class PictureSettings:
    """Settings of picture reading, the same in prediction as in training.

    ``pictures``: it learned from picture files, so none is inverted. ``dark_background`` says of all its training
    images that their background is dark (True) or light (False); None where neither is so. ``white_level`` is what
    white is in pictures of more than 8 bits a channel.
    """

    pictures: bool = False
    dark_background: bool | None = None
    white_level: int | None = None


class Prepared(NamedTuple):
    """A picture ready for a network, uint8 (C, H, W), and the changes made to it, in order."""

    image: np.ndarray
    steps: list[Step]


class Made(NamedTuple):
    """A prepared picture before it may be inverted.

    ``size`` (H, W) is that before it was fitted; ``range`` the darkest and the lightest number of a picture of more
    than 8 bits, else None.
    """

    image: np.ndarray
    steps: list[Step]
    size: tuple[int, int]
    range: tuple[float, float] | None


def prepare(
    picture: str | Path | Image,
    channels: int,
    height: int,
    width: int,
    dark_background: bool | None,
    invert: bool | None = None,
    white_level: int | None = None,
    pictures: bool = False,
) -> Prepared:
    """Read a picture and make it ``channels`` × ``height`` × ``width``, nothing cropped or stretched.

    ``picture`` is a file, or a picture of Pillow's. It is turned upright as its EXIF data say, brought to 8 bits
    (``white_level`` becomes 255), transparent parts made white, grey or colour as the network wants, resized to fit
    and padded with the colour of its border. It is inverted when its background is light and that of the training
    images dark (``dark_background`` True), or the other way round; not where the training images were ``pictures``,
    for those were not. ``invert`` decides instead where it is given. Nothing is inverted where both are None.

    Raises DataError for a file that is missing, no picture, broken or larger than image_file.MAX_PIXELS, and for a
    number of channels that no picture has.
    """
    image, steps, *_ = opened(picture).make(channels, (height, width), white_level)
    if inverts(image, dark_background, invert, pictures, steps):
        image = 255 - image
    return Prepared(image, steps or [Step("used as it is")])


def read(
    path: str | Path, channels: int, size: tuple[int, int] | None = None, white_level: int | None = None
) -> np.ndarray:
    """As ``prepare``, without inversion: uint8 (``channels``, H, W), ``channels`` 1 or 3.

    ``size`` is (H, W), or None for the picture's own. Raises DataError as ``prepare`` does.
    """
    return opened(path).make(channels, size, white_level).image


def refit(image: np.ndarray, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """As ``read`` for a picture in memory, uint8 (1 or 3, H, W): made grey or colour, fitted to ``size`` if given."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    pixels = np.asarray(to_mode(picture, "L" if channels == 1 else "RGB", []))
    return _channels_first(fit(pixels, *size, []) if size else pixels)


class Opened(NamedTuple):
    """A decoded picture: ``deep`` are its numbers where they have more than 8 bits, else None."""

    name: object
    decoded: Decoded
    deep: Deep | None
    steps: list[Step]

    def make(self, channels: int, size: tuple[int, int] | None, white_level: int | None) -> Made:
        """The one way from a picture to pixels, for training, evaluation and prediction; nothing is inverted."""
        import numpy as np

        if channels not in (1, 3):
            raise DataError(f"a picture has 1 channel (grey) or 3 (colour), but the network wants {channels}")
        steps = list(self.steps)
        eight = _to_eight_bits(self.deep, white_level, steps, self.name) if self.deep else self.decoded.image
        try:
            upright = _turned(eight, self.decoded.image, steps)
            pixels = np.asarray(to_mode(upright, "L" if channels == 1 else "RGB", steps))
        except (ValueError, OSError) as fault:  # a mode of a later Pillow
            raise DataError(f"{self.name} has pixels of the kind {eight.mode}, which is not read ({fault})") from fault
        if self.decoded.lost:
            steps += _of_lost_bits(pixels)
        if (pixels == pixels[0, 0]).all():
            steps.append(Step("warning: the picture is blank, all of one colour", "of one colour"))
        tall, wide = pixels.shape[:2]
        if size:
            pixels = fit(pixels, *size, steps)
        return Made(_channels_first(pixels), steps, (tall, wide), self.deep.range if self.deep else None)


def opened(picture: str | Path | Image) -> Opened:
    """A picture of a file, or one of Pillow's; raises DataError for what can't be read."""
    steps: list[Step] = []
    if isinstance(picture, (str, Path)):
        decoded, name = open_picture(Path(picture), steps), str(picture)
    else:
        decoded, name = _loaded(picture), "the picture"
    return Opened(name, decoded, deep(decoded, name), steps)


def _loaded(picture: Image) -> Decoded:
    """A picture of Pillow's, decoded if it is not yet."""
    if picture.width * picture.height > MAX_PIXELS:
        raise DataError(f"the picture is too large: {picture.width}×{picture.height} pixels; make it smaller")
    try:
        picture.load()
    except Exception as fault:  # on a broken file the decoders raise nearly anything
        raise DataError(f"the picture is broken ({fault}); save it anew") from fault
    return Decoded(picture)


def _to_eight_bits(found: Deep, white_level: int | None, steps: list[Step], name: object) -> Image:
    """The white is the file's own, or that of the training pictures, or else the largest number of 16 bits."""
    largest = found.range[1]
    white = found.white or white_level
    if white is None and (found.floats or largest > FULL):
        kind = "floating-point" if found.floats else "32-bit"
        raise DataError(f"{name} is an image of {kind} numbers, without a set white; save it with 8 or 16 bits")
    white = white or FULL
    kind = "floating-point numbers" if found.floats else "32 bits" if largest > FULL else "16 bits"
    steps.append(Step(f"{kind} to 8" + (f", {white} is white" if white != FULL else ""), f"{kind} to 8"))
    if largest > white:
        text = f"warning: numbers up to {largest:g} are above the white level {white} and became white"
        steps.append(Step(text, f"warning: numbers above the white level {white}, which became white"))
    elif 255 * largest < FEW_LEVELS * white:
        text = f"warning: nearly black, its lightest number is {largest:g} and white is {white}"
        steps.append(Step(text, "nearly black"))
    return eight_bits(found, white)


def _of_lost_bits(pixels: np.ndarray) -> list[Step]:
    """The higher eight bits of pictures of which Pillow gives no others, with a warning where these hold little."""
    found = [Step("16 bits to 8")]
    if pixels.max() < FEW_LEVELS:
        text = "of its 16 bits the higher eight alone are read, and nearly nothing is in them; save it as PNG"
        found.append(
            Step(
                f"warning: {text}",
                "warning: 16 bits, of which the higher eight alone are read, and nearly nothing in these",
            )
        )
    return found


def _turned(picture: Image, noted_in: Image, steps: list[Step]) -> Image:
    """Turned or mirrored as the camera noted (EXIF tag 0x0112; 1 is upright) in the data of ``noted_in``."""
    from PIL.Image import Transpose

    ways = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow only warns of data that it can't read
        try:
            way = ways.get(noted_in.getexif().get(0x0112, 1))
        except Exception:
            steps.append(Step("its EXIF data are broken and were not used"))
            return picture
    if way is None:
        return picture
    steps.append(Step("turned upright, as its EXIF data say"))
    turned = picture.transpose(way)
    turned.info = picture.info
    return turned


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))
