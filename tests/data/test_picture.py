from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbcnn.data.background import has_dark_background
from nbcnn.data.picture import Prepared, prepare
from nbcnn.errors import DataError


def mark(height: int = 28, width: int = 28, ground: int = 0, ink: int = 200) -> np.ndarray:
    """A picture with a block of ink that no flip or turn leaves in place."""
    picture = np.full((height, width), ground, np.uint8)
    picture[2 : height // 2, 3 : width // 4] = ink
    return picture


def saved(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


def grey(
    path: Path, dark: bool | None = None, invert: bool | None = None, size: tuple[int, int] = (28, 28)
) -> Prepared:
    return prepare(path, 1, *size, dark, invert)


def test_a_picture_that_fits_is_used_as_it_is(tmp_path: Path) -> None:
    image, steps = grey(saved(tmp_path / "x.png", mark()), dark=True)
    assert image.shape == (1, 28, 28)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.array_equal(image[0], mark())
    assert steps == ["used as it is"]


def test_colour_for_a_colour_network(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    image, steps = prepare(saved(tmp_path / "x.png", pixels), 3, 9, 7, None)
    assert np.array_equal(image, pixels.transpose(2, 0, 1))
    assert image.flags.c_contiguous
    assert steps == ["used as it is"]


def test_colour_to_grey(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, 0], pixels[1, 1], pixels[2, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image, steps = grey(saved(tmp_path / "x.png", pixels), size=(4, 4))
    # ITU-R BT.601: 0.299 red, 0.587 green, 0.114 blue
    assert np.allclose(np.diag(image[0]), [76.2, 149.7, 29.1, 0], atol=1)
    assert steps == ["colour to grey"]


def test_grey_to_colour(tmp_path: Path) -> None:
    image, steps = prepare(saved(tmp_path / "x.png", mark()), 3, 28, 28, None)
    assert image.shape == (3, 28, 28)
    assert all(np.array_equal(channel, mark()) for channel in image)
    assert steps == ["grey to colour: the same in red, green and blue"]


def test_transparency_becomes_white(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[2:6, 2:4, 3] = 255
    pixels[2:6, 4:6, 3] = 128
    image, steps = grey(saved(tmp_path / "x.png", pixels), size=(8, 8))
    assert image[0, 0, 0] == 255
    assert image[0, 3, 3] == 0
    assert abs(int(image[0, 3, 5]) - 127) <= 1
    assert steps == ["transparent parts made white", "colour to grey"]


def test_an_opaque_alpha_channel_is_no_step(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[2:4, 2:4, :3] = 9
    assert prepare(saved(tmp_path / "x.png", pixels), 3, 8, 8, None).steps == ["used as it is"]


def test_grey_with_alpha(tmp_path: Path) -> None:
    pixels = np.dstack([mark(), np.full((28, 28), 255, np.uint8)])
    pixels[20:, 20:, 1] = 0
    image, steps = grey(saved(tmp_path / "x.png", pixels))
    assert np.array_equal(image[0, :20], mark()[:20])
    assert (image[0, 20:, 20:] == 255).all()
    assert steps == ["transparent parts made white"]


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 250, 0, 0, 0, 250, 0])
    image.putpixel((1, 2), 1)
    image.save(tmp_path / "x.png")
    found, steps = prepare(tmp_path / "x.png", 3, 4, 4, None)
    assert found[:, 2, 1].tolist() == [250, 0, 0]
    assert found.sum() == 250
    assert steps == ["palette to colour"]


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([9, 9, 9, 250, 0, 0])
    image.putpixel((1, 2), 1)
    image.save(tmp_path / "x.gif", transparency=0)
    found, steps = prepare(tmp_path / "x.gif", 3, 4, 4, None)
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 2, 1].tolist() == [250, 0, 0]
    assert steps == ["transparent parts made white"]


def test_sixteen_bits_keep_their_scale(tmp_path: Path) -> None:
    deep = np.zeros((4, 4), np.uint16)
    deep[0, :3] = [65535, 32768, 257]
    Image.fromarray(deep).save(tmp_path / "x.png")
    image, steps = grey(tmp_path / "x.png", size=(4, 4))
    assert image[0, 0].tolist() == [255, 128, 1, 0]
    assert steps == ["16 bits to 8"]


def test_one_bit(tmp_path: Path) -> None:
    image, steps = grey(saved(tmp_path / "x.png", mark(ink=255), "1"))
    assert np.array_equal(image[0], mark(ink=255))
    assert steps == ["black and white to grey"]


def test_cmyk_and_other_modes(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "x.jpg")
    image, steps = prepare(tmp_path / "x.jpg", 3, 8, 8, None)
    assert image[0].min() > 240
    assert image[1:].max() < 15
    assert steps[0] == "CMYK to colour"


def test_numbers_without_a_white_point(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "f.tiff")
    with pytest.raises(
        DataError, match=r"f\.tiff is an image of floating-point numbers, without a set white; save it with 8 "
    ):
        grey(tmp_path / "f.tiff")
    Image.fromarray(np.full((4, 4), 70000, np.int32)).save(tmp_path / "i.tiff")
    with pytest.raises(
        DataError, match=r"i\.tiff is an image of 32-bit numbers, without a set white; save it with 8 or 16 bits$"
    ):
        grey(tmp_path / "i.tiff")


@pytest.mark.parametrize("format", ["png", "bmp", "gif", "webp", "tiff", "ppm"])
def test_formats_without_loss(tmp_path: Path, format: str) -> None:
    path = tmp_path / f"x.{format}"
    more: dict[str, Any] = {"lossless": True} if format == "webp" else {}
    Image.fromarray(mark()).save(path, **more)
    assert np.array_equal(grey(path).image[0], mark())


def test_a_suffix_does_not_matter(tmp_path: Path) -> None:
    saved(tmp_path / "x.png", mark()).rename(tmp_path / "x.jpg")
    assert np.array_equal(grey(tmp_path / "x.jpg").image[0], mark())


@pytest.mark.parametrize(
    ("ground", "ink", "dark", "invert", "inverted", "words"),
    [
        (255, 0, True, None, True, "inverted: the background is light, the training images have a dark one"),
        (0, 255, False, None, True, "inverted: the background is dark, the training images have a light one"),
        (0, 255, True, None, False, "used as it is"),
        (255, 0, False, None, False, "used as it is"),
        (255, 0, None, None, False, "used as it is"),
        (0, 255, None, None, False, "used as it is"),
        (255, 0, True, False, False, "used as it is"),
        (0, 255, True, True, True, "inverted, as asked"),
        (255, 0, None, True, True, "inverted, as asked"),
    ],
)
def test_inverting(
    tmp_path: Path, ground: int, ink: int, dark: bool | None, invert: bool | None, inverted: bool, words: str
) -> None:
    pixels = mark(ground=ground, ink=ink)
    image, steps = grey(saved(tmp_path / "x.png", pixels), dark, invert)
    assert np.array_equal(image[0], 255 - pixels if inverted else pixels)
    assert steps == [words]


def test_the_border_decides_not_the_middle(tmp_path: Path) -> None:
    pixels = np.full((28, 28), 10, np.uint8)
    pixels[1:-1, 1:-1] = 250
    assert grey(saved(tmp_path / "x.png", pixels), dark=True).steps == ["used as it is"]


def test_a_wide_picture_is_padded_above_and_below(tmp_path: Path) -> None:
    image, steps = grey(saved(tmp_path / "x.png", np.full((200, 300), 80, np.uint8)))
    assert steps == ["warning: the picture is blank, all of one colour", "300×200 resized to 28×19 and padded to 28×28"]
    assert (image == 80).all()
    pixels = np.full((200, 300), 90, np.uint8)
    pixels[10:-10, 10:-10] = 10
    image, _ = grey(saved(tmp_path / "x.png", pixels))
    assert (image[0, :4] == 90).all()
    assert (image[0, -5:] == 90).all()
    assert (image[0, 6:-7, 2:-2] == 10).all()


def test_a_tall_picture_is_padded_left_and_right(tmp_path: Path) -> None:
    pixels = np.full((20, 10), 7, np.uint8)
    pixels[5:15, 3:7] = 99
    image, steps = grey(saved(tmp_path / "x.png", pixels), size=(20, 20))
    assert np.array_equal(image[0, :, 5:15], pixels)
    assert (image[0, :, :5] == 7).all()
    assert (image[0, :, 15:] == 7).all()
    assert steps == ["10×20 padded to 20×20"]


def test_padding_takes_the_colour_after_inverting(tmp_path: Path) -> None:
    pixels = np.full((10, 20, 3), (250, 240, 230), np.uint8)
    pixels[4:6, 4:6] = 0
    image, steps = prepare(saved(tmp_path / "x.png", pixels), 3, 20, 20, True)
    assert image[:, 0, 0].tolist() == [5, 15, 25]
    assert steps == [
        "20×10 padded to 20×20",
        "inverted: the background is light, the training images have a dark one",
    ]


def test_resizing_averages_and_keeps_the_place(tmp_path: Path) -> None:
    fine = np.indices((56, 56)).sum(0) % 2 * 255
    image, steps = grey(saved(tmp_path / "x.png", fine.astype(np.uint8)))
    assert abs(image[0, 4:-4, 4:-4].astype(float) - 127.5).max() < 2
    assert steps == ["56×56 resized to 28×28"]
    big = np.kron(mark(), np.ones((4, 4), np.uint8))
    image, _ = grey(saved(tmp_path / "x.png", big))
    assert np.abs(image[0].astype(int) - mark()).mean() < 4
    assert image[0, 6, 5] == 200


def test_small_pictures_grow_and_thin_ones_stay_visible(tmp_path: Path) -> None:
    assert grey(saved(tmp_path / "x.png", mark(16, 16))).steps == ["16×16 resized to 28×28"]
    image, steps = grey(saved(tmp_path / "x.png", np.full((2, 500), 255, np.uint8)))
    assert steps[-1] == "500×2 resized to 28×1 and padded to 28×28"
    assert image.shape == (1, 28, 28)
    image, _ = grey(saved(tmp_path / "x.png", np.full((1, 1), 33, np.uint8)))
    assert (image == 33).all()


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, np.rot90), (2, lambda a: a[:, ::-1])],
)
def test_exif_orientation(tmp_path: Path, orientation: int, turn: object) -> None:
    assert callable(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(mark()).save(tmp_path / "x.png", exif=exif)
    image, steps = grey(tmp_path / "x.png")
    assert np.array_equal(image[0], turn(mark()))
    assert steps == ["turned upright, as its EXIF data say"]


def test_upright_exif_is_no_step(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.fromarray(mark()).save(tmp_path / "x.png", exif=exif)
    assert grey(tmp_path / "x.png").steps == ["used as it is"]


def test_broken_exif(tmp_path: Path) -> None:
    Image.fromarray(mark()).save(tmp_path / "x.png", exif=b"Exif\0\0II*\0nonsense")
    image, steps = grey(tmp_path / "x.png")
    assert np.array_equal(image[0], mark())
    assert steps == ["its EXIF data are broken and were not used"]


def test_the_first_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(mark()), Image.fromarray(mark(ink=90)), Image.fromarray(mark(ink=50))]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    image, steps = grey(tmp_path / "x.gif")
    assert np.array_equal(image[0], mark())
    assert steps[0] == "the first of several frames"


def test_several_steps_in_order(tmp_path: Path) -> None:
    pixels = np.full((40, 80, 3), 255, np.uint8)
    pixels[10:30, 20:60] = 0
    assert grey(saved(tmp_path / "x.png", pixels), dark=True).steps == [
        "colour to grey",
        "80×40 resized to 28×14 and padded to 28×28",
        "inverted: the background is light, the training images have a dark one",
    ]


def test_what_is_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"none\.png: no such file; expected a picture$"):
        grey(tmp_path / "none.png")
    with pytest.raises(DataError, match=r" is a folder; name a picture in it$"):
        grey(tmp_path)
    (tmp_path / "text.png").write_text("not a picture at all")
    with pytest.raises(
        DataError,
        match=r"text\.png is not an image that nbcnn reads; save it as PNG, JPEG, GIF, BMP, WEBP, TIFF or PPM$",
    ):
        grey(tmp_path / "text.png")
    (tmp_path / "x.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(DataError, match=r"x\.eps is not an image that nbcnn reads"):
        grey(tmp_path / "x.eps")
    whole = saved(tmp_path / "x.png", np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.png is a broken image \(.+\); save it anew$"):
        grey(tmp_path / "cut.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"cannot read .*x\.png: Permission denied"):
        grey(tmp_path / "x.png")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"pipe is not a file; expected a picture$"):
        grey(tmp_path / "pipe")


def bomb(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that declares so many pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 99))]
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*parts, (b"IEND", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(("side", "size"), [(8001, "8001×8001"), (10000, "10000×10000"), (60000, "far more")])
def test_pixel_cap(tmp_path: Path, side: int, size: str) -> None:
    (tmp_path / "x.png").write_bytes(bomb(side, side))
    with pytest.raises(
        DataError, match=rf"x\.png is too large: {size} pixels, at most 64 million are read; make it smaller$"
    ):
        grey(tmp_path / "x.png")


def test_just_below_the_cap_is_read_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(bomb(8000, 8000))
    with pytest.raises(DataError, match="is a broken image"):
        grey(tmp_path / "x.png")


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_channels_that_no_picture_has(tmp_path: Path, channels: int) -> None:
    with pytest.raises(
        DataError, match=rf"a picture has 1 channel \(grey\) or 3 \(colour\), but the network wants {channels}$"
    ):
        prepare(saved(tmp_path / "x.png", mark()), channels, 28, 28, None)


def test_background_of_training_images() -> None:
    digits = np.stack([mark()] * 10)[:, None]
    assert has_dark_background(digits) is True
    assert has_dark_background(255 - digits) is False
    photographs = np.random.default_rng(0).integers(0, 256, (10, 3, 8, 8), np.uint8)
    assert has_dark_background(photographs) is None
    framed = np.full((5, 1, 8, 8), 255, np.uint8)
    framed[:, :, [0, -1]] = 0
    framed[:, :, :, [0, -1]] = 0
    assert has_dark_background(framed) is True
