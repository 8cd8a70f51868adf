"""Every kind of pixel that a picture file can hold, for grey and for colour: numbers by hand, or a sentence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nbcnn.data.image_depth import white_level
from nbcnn.data.picture import opened, prepare
from nbcnn.errors import DataError

RED = (76, (255, 0, 0))  # 0.299 · 255 = 76.2
Pixel = tuple[int, tuple[int, int, int]]
"""What becomes of a pixel in grey, and in colour."""


def held(picture: Path | Image.Image, pixels: list[Pixel], white: int | None = None, slack: int = 0) -> None:
    """The picture, one row high, gives these pixels; whichever way, its steps are told."""
    for channels, wanted in ((1, [[grey for grey, _ in pixels]]), (3, np.array([c for _, c in pixels]).T.tolist())):
        image, steps = prepare(picture, channels, 1, len(pixels), None, None, white)
        assert np.abs(image[:, 0].astype(int) - np.array(wanted)).max() <= slack, (channels, image[:, 0].tolist())
        assert steps


def plain(*levels: int) -> list[Pixel]:
    return [(level, (level,) * 3) for level in levels]


def in_memory(mode: str) -> tuple[Image.Image, list[Pixel], int | None]:
    """A picture of Pillow's in this mode, what it must become, and its white level."""
    hand: dict[str, tuple[bytes, list[Pixel]]] = {
        "L": (bytes([7, 200]), plain(7, 200)),
        "RGB": (bytes([255, 0, 0, 9, 9, 9]), [RED, *plain(9)]),
        "RGBX": (bytes([255, 0, 0, 3, 9, 9, 9, 0]), [RED, *plain(9)]),
        "RGBA": (bytes([255, 0, 0, 255, 9, 9, 9, 0]), [RED, *plain(255)]),
        "RGBa": (bytes([255, 0, 0, 255, 0, 0, 0, 0]), [RED, *plain(255)]),
        "LA": (bytes([7, 255, 200, 0]), plain(7, 255)),
        "La": (bytes([7, 255, 0, 0]), plain(7, 255)),
        "CMYK": (bytes([0, 255, 255, 0, 0, 0, 0, 55]), [RED, *plain(200)]),
        "HSV": (bytes([0, 255, 255, 0, 0, 120]), [RED, *plain(120)]),
        "YCbCr": (bytes([76, 85, 255, 120, 128, 128]), [RED, *plain(120)]),
        # L* a* b* of sRGB's red under D50 are 54.29, 80.81 and 69.89; L* 50 is sRGB's grey of 119 (118.9).
        "LAB": (struct.pack("BbbBbb", 138, 81, 70, 128, 0, 0), [RED, *plain(119)]),
        "I;16": (struct.pack("<2H", 512, 1023), plain(128, 255)),
        "I;16L": (struct.pack("<2H", 512, 1023), plain(128, 255)),
        "I;16B": (struct.pack(">2H", 512, 1023), plain(128, 255)),
        "I;16N": (struct.pack("=2H", 512, 1023), plain(128, 255)),
        "I": (struct.pack("=2i", 512, 1023), plain(128, 255)),
        "F": (struct.pack("=2f", 511.5, 1023), plain(128, 255)),
    }
    if mode == "1":
        picture = Image.new("1", (2, 1))
        picture.putpixel((1, 0), 255)
        return picture, plain(0, 255), None
    if mode in ("P", "PA"):
        picture = Image.new("P", (2, 1))
        picture.putpalette([255, 0, 0, 9, 9, 9])
        picture.putpixel((1, 0), 1)
        return picture.convert(mode), [RED, *plain(9)], None
    data, pixels = hand[mode]
    return Image.frombytes(mode, (2, 1), data), pixels, 1023 if mode[0] in "IF" else None


@pytest.mark.parametrize("mode", [*Image.MODES, "La", "RGBa", "PA", "I;16L", "I;16B", "I;16N", "RGBX"])
def test_every_mode_of_pillow(mode: str) -> None:
    picture, pixels, white = in_memory(mode)
    slack = 2 if mode in ("LAB", "YCbCr") else 0  # these have rounded already
    held(picture, pixels, white, slack)


def png(path: Path, bits: int, kind: int, row: bytes, clear: bytes = b"", palette: bytes = b"", width: int = 2) -> Path:
    """A PNG of one row as its specification has it; ``kind`` is 0 grey, 2 colour, 3 palette, +4 alpha."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0))]
    parts += [chunk(b"PLTE", palette)] * bool(palette) + [chunk(b"tRNS", clear)] * bool(clear)
    parts += [chunk(b"IDAT", zlib.compress(b"\0" + row)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("bits", "kind", "row", "clear", "pixels"),
    [
        (1, 0, bytes([0b01000000]), struct.pack(">H", 1), plain(0, 255)),
        (1, 0, bytes([0b01000000]), struct.pack(">H", 0), plain(255, 255)),
        (2, 0, bytes([0b01100000]), struct.pack(">H", 1), plain(255, 170)),
        (4, 0, bytes([0x5A]), struct.pack(">H", 5), plain(255, 170)),
        (8, 0, bytes([5, 85]), struct.pack(">H", 5), plain(255, 85)),
        (16, 0, struct.pack(">2H", 30_000, 514), struct.pack(">H", 30_000), plain(255, 2)),
        (16, 0, struct.pack(">2H", 30_000, 30_001), struct.pack(">H", 30_001), plain(117, 255)),
        (8, 2, bytes([1, 2, 3, 9, 9, 9]), struct.pack(">3H", 1, 2, 3), plain(255, 9)),
        (16, 2, struct.pack(">6H", 1, 2, 3, *[2313] * 3), struct.pack(">3H", 1, 2, 3), plain(255, 9)),
        (16, 2, struct.pack(">6H", 1, 2, 4, *[2313] * 3), struct.pack(">3H", 1, 2, 3), plain(0, 9)),
        (8, 3, bytes([0, 1]), bytes([0, 255]), plain(255, 40)),
        (16, 4, struct.pack(">4H", 257, 65535, 9, 0), b"", plain(1, 255)),
        (16, 6, struct.pack(">8H", *[257] * 3, 65535, 9, 9, 9, 0), b"", plain(1, 255)),
    ],
)
def test_transparent_parts_become_white_in_every_png(
    tmp_path: Path, bits: int, kind: int, row: bytes, clear: bytes, pixels: list[Pixel]
) -> None:
    held(png(tmp_path / "x.png", bits, kind, row, clear, bytes([10] * 3 + [40] * 3) if kind == 3 else b""), pixels)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (0, struct.pack(">2H", 2048, 16)),
        (2, struct.pack(">6H", *[2048] * 3, *[16] * 3)),
        (4, struct.pack(">4H", 2048, 65535, 16, 65535)),
        (4, struct.pack(">4H", 2048, 4095, 16, 4095)),
        (6, struct.pack(">8H", *[2048] * 3, 65535, *[16] * 3, 65535)),
    ],
)
def test_twelve_bits_in_a_png_of_sixteen(tmp_path: Path, kind: int, row: bytes) -> None:
    """Of colour Pillow itself keeps the higher eight bits alone, which would be 8 and 0."""
    held(png(tmp_path / "x.png", 16, kind, row), plain(128, 1), white=4095)


def tiff(path: Path, order: str, bits: int, photometric: int, samples: int, data: bytes, more: dict[int, int]) -> Path:
    """A TIFF of one row of two pixels, plain or (``more`` has 259: 8) deflated."""
    data = zlib.compress(data) if more.get(259) == 8 else data
    tags = {256: 2, 257: 1, 258: bits, 259: 1, 262: photometric, 273: 0, 277: samples, 278: 1, 279: len(data)} | more
    behind = 8 + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, value in sorted(tags.items()):
        if tag == 258 and samples > 2:
            entries += struct.pack(order + "HHII", tag, 3, samples, behind)
            extra = struct.pack(f"{order}{samples}H", *[value] * samples)
        elif tag == 273:
            entries += struct.pack(order + "HHII", tag, 4, 1, behind + 2 * samples * (samples > 2))
        elif tag == 258 and samples == 2:
            entries += struct.pack(order + "HHIHH", tag, 3, 2, value, value)
        else:
            entries += struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    path.write_bytes(head + entries + b"\0\0\0\0" + extra + data)
    return path


DEFLATED = {259: 8}


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(
    ("bits", "photometric", "numbers", "more", "pixels"),
    [
        (16, 1, "2H 2048 16", {}, plain(128, 1)),
        (16, 1, "2H 2048 16", DEFLATED, plain(128, 1)),
        (16, 1, "2h 2048 16", {339: 2}, plain(128, 1)),
        (32, 1, "2i 2048 16", {339: 2}, plain(128, 1)),
        (32, 1, "2f 2047.5 16", {339: 3}, plain(128, 1)),
        (16, 2, "6H 2048 2048 2048 4095 0 0", {}, [*plain(128), RED]),
        (16, 2, "6H 2048 2048 2048 4095 0 0", DEFLATED, [*plain(128), RED]),
        (16, 2, "8H 2048 2048 2048 65535 4095 0 0 0", {338: 2}, plain(128, 255)),
        (16, 2, "8H 2048 2048 2048 0 4095 0 0 0", {338: 0}, [*plain(128), RED]),
    ],
)
def test_tiffs_of_more_than_eight_bits(
    tmp_path: Path, order: str, bits: int, photometric: int, numbers: str, more: dict[int, int], pixels: list[Pixel]
) -> None:
    kind, *values = numbers.split()
    data = struct.pack(order + kind, *(float(v) if "f" in kind else int(v) for v in values))
    held(tiff(tmp_path / "x.tif", order, bits, photometric, int(kind[0]) // 2, data, more), pixels, white=4095)


def test_a_tiff_of_inks_of_sixteen_bits(tmp_path: Path) -> None:
    data = struct.pack("<8H", 0, 65535, 65535, 0, 0, 0, 0, 0)
    held(tiff(tmp_path / "x.tif", "<", 16, 5, 4, data, {}), [RED, *plain(255)])


@pytest.mark.parametrize("more", [{}, DEFLATED], ids=["plain", "deflated"])
def test_a_tiff_whose_zero_is_white(tmp_path: Path, more: dict[int, int]) -> None:
    held(tiff(tmp_path / "x.tif", "<", 16, 0, 1, struct.pack("<2H", 4095, 2048), more), plain(0, 127), white=4095)
    held(tiff(tmp_path / "y.tif", "<", 8, 0, 1, bytes([255, 5]), more), plain(0, 250))


def test_files_that_say_what_white_is(tmp_path: Path) -> None:
    """A white level of the data set does not change them."""
    (tmp_path / "x.pgm").write_bytes(b"P5 2 1 1023\n" + struct.pack(">2H", 1023, 512))
    held(tmp_path / "x.pgm", plain(255, 128), white=4095)
    for text in (
        b"P2 2 1 1023 1023 512",
        b"P3 2 1 1023 1023 1023 1023 512 512 512",
        b"P6 2 1 1023\n" + struct.pack(">6H", *[1023] * 3, *[512] * 3),
    ):
        (tmp_path / "x.pnm").write_bytes(text)
        held(tmp_path / "x.pnm", plain(255, 128), white=4095)
    (tmp_path / "x.pgm").write_bytes(b"P5 2 1 65535\n" + struct.pack(">2H", 1023, 512))  # 16 bits say nothing
    held(tmp_path / "x.pgm", plain(255, 128), white=1023)
    held(tiff(tmp_path / "x.tif", "<", 12, 1, 1, bytes([0xFF, 0xF8, 0x00]), {}), plain(255, 128), white=1023)


def test_cielab_of_a_tiff(tmp_path: Path) -> None:
    """In the file a* and b* have a sign."""
    held(tiff(tmp_path / "x.tif", "<", 8, 8, 3, struct.pack("BbbBbb", 138, 81, 70, 255, 0, 0), {}), [RED, *plain(255)])


@pytest.mark.parametrize(
    ("bits", "numbers", "samples", "more", "sentence"),
    [
        (16, "2h 5 -5", 1, {339: 2}, r"x\.tif has pixels below 0; save it with 8 or 16 bits$"),
        (32, "2f 5 nan", 1, {339: 3}, r"x\.tif has pixels that are infinite or no numbers \(NaN\); save it with 8"),
        (64, "2d 5 6", 1, {339: 3}, r"x\.tif is a TIFF of a kind that nbcnn does not read, or a broken one; save it"),
        (16, "4H 1 2 3 4", 2, {338: 2}, r"x\.tif is a TIFF of a kind that nbcnn does not read, or a broken one"),
        (16, "6H 1 2 3 4 5 6", 3, {284: 2}, r"x\.tif is a TIFF of 16 bits with a plane for each colour; save it as"),
    ],
)
def test_kinds_that_are_refused(
    tmp_path: Path, bits: int, numbers: str, samples: int, more: dict[int, int], sentence: str
) -> None:
    kind, *values = numbers.split()
    data = struct.pack("<" + kind, *(float(v) if kind[-1] in "fd" else int(v) for v in values))
    path = tiff(tmp_path / "x.tif", "<", bits, 2 if samples == 3 else 1, samples, data, more)
    for channels in (1, 3):
        with pytest.raises(DataError, match=sentence):
            prepare(path, channels, 1, 2, None)


def test_an_interlaced_png_of_twelve_bits(tmp_path: Path) -> None:
    """Adam7 by hand: of 2×1 pixels the first is in pass 1, the second in pass 6."""
    whole = png(tmp_path / "x.png", 16, 2, b"").read_bytes()
    rows = b"\0" + struct.pack(">3H", *[2048] * 3) + b"\0" + struct.pack(">3H", *[16] * 3)
    head, body = bytearray(whole[:33]), zlib.compress(rows)
    head[28] = 1
    head[29:33] = struct.pack(">I", zlib.crc32(bytes(head[12:29])))
    data = struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    (tmp_path / "x.png").write_bytes(bytes(head) + data + whole[-12:])
    held(tmp_path / "x.png", plain(128, 1), white=4095)


def test_white_levels() -> None:
    found = {largest: white_level(largest, floats=False) for largest in (0, 216, 255, 256, 1023, 1024, 4095, 4096)}
    assert found == {0: 255, 216: 255, 255: 255, 256: 1023, 1023: 1023, 1024: 4095, 4095: 4095, 4096: 16383}
    assert [white_level(n, floats=False) for n in (16384, 65535, 65536)] == [65535, 65535, None]
    assert [white_level(n, floats=True) for n in (0.5, 1.0, 1.5, 255.0, 300.0, 1e9)] == [1, 1, 255, 255, 1023, None]


def test_what_nobody_sees_does_not_count_for_the_white_level(tmp_path: Path) -> None:
    """Programs write 65535 where there is nothing."""
    one = opened(png(tmp_path / "a.png", 16, 0, struct.pack(">2H", 900, 65535), struct.pack(">H", 65535)))
    two = opened(png(tmp_path / "b.png", 16, 4, struct.pack(">4H", 900, 65535, 65535, 0)))
    assert one.deep and one.deep.range == (900, 900)
    assert two.deep and two.deep.range == (900, 900)


def test_numbers_that_do_not_fit_the_white_level_are_told(tmp_path: Path) -> None:
    path = png(tmp_path / "x.png", 16, 0, struct.pack(">2H", 2000, 100))
    image, steps = prepare(path, 1, 1, 2, None, None, 1023)
    assert image.tolist() == [[[255, 25]]]
    assert steps == [
        "16 bits to 8, 1023 is white",
        "warning: numbers up to 2000 are above the white level 1023 and became white",
    ]
    _, steps = prepare(path, 1, 1, 2, None)
    assert steps == ["16 bits to 8", "warning: nearly black, its lightest number is 2000 and white is 65535"]


def test_animations_give_their_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 1), (9, 9, 9)), Image.new("RGB", (2, 1), (200, 200, 200))]
    for form in ("png", "webp", "gif", "tiff"):
        more = {"lossless": True} if form == "webp" else {}
        frames[0].save(tmp_path / f"x.{form}", save_all=True, append_images=frames[1:], **more)
        image, steps = prepare(tmp_path / f"x.{form}", 3, 1, 2, None)
        assert image.max() == image.min() == 9 and steps[0] == "the first of several frames", form


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format(tmp_path: Path, orientation: int) -> None:
    """A TIFF is turned by Pillow as it is decoded, the others by us: the same pixels and the same words."""
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned = {
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: pixels.T, 6: np.rot90(pixels, -1),
        7: np.rot90(pixels.T, 2), 8: np.rot90(pixels),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    for form in ("png", "tiff", "webp"):
        more = {"lossless": True} if form == "webp" else {}
        Image.fromarray(pixels).save(tmp_path / f"x.{form}", exif=exif, **more)
        image, steps = prepare(tmp_path / f"x.{form}", 1, *turned.shape, None)
        assert np.array_equal(image[0], turned), form
        told = ["turned upright, as its EXIF data say"] if orientation > 1 else []
        assert [step for step in steps if "EXIF" in step] == told, form
