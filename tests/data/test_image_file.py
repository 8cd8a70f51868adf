"""What opening a picture file costs is bounded by its first picture, not by what else is in the file."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nbcnn.data import image_file
from nbcnn.data.picture import prepare
from nbcnn.errors import DataError


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a picture file was read from, as the only number in a list."""
    found, real = [0], image_file._Timed.read

    def read(self: Any, size: int = -1) -> bytes:
        found[0] += 1
        return real(self, size)

    monkeypatch.setattr(image_file._Timed, "read", read)
    return found


def chain(frames: int, loop: bool = False) -> bytes:
    """A TIFF of so many pictures of one pixel; the last points to the first if it is a ``loop``."""
    tags = [
        (256, 3, 1),
        (257, 3, 1),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 1),
        (279, 4, 1),
    ]
    size, parts = 2 + 12 * len(tags) + 4, [b"II*\0" + struct.pack("<I", 10) + b"\x07\0"]
    for k in range(frames):
        following = 10 + (k + 1) * size if k + 1 < frames else 10 * loop
        entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
        parts.append(struct.pack("<H", len(tags)) + entries + struct.pack("<I", following))
    return b"".join(parts)


def gif(frames: int) -> bytes:
    images = [Image.new("L", (2, 2), 7), Image.new("L", (2, 2), 200)]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    start = buffer.getvalue().rindex(b"\x21\xf9")  # the second frame, which comes again and again
    return buffer.getvalue()[:start] + buffer.getvalue()[start:-1] * (frames - 1) + b";"


@pytest.mark.parametrize("make", [chain, gif], ids=["tiff", "gif"])
def test_many_frames_cost_what_two_do(tmp_path: Path, reads: list[int], make: Any) -> None:
    told = []
    for frames in (2, 3000):
        (tmp_path / "x").write_bytes(make(frames))
        reads[0] = 0
        image, steps = prepare(tmp_path / "x", 1, 2, 2, None)
        assert (image == 7).all() and steps[0] == "the first of several frames"
        assert image_file.is_picture(tmp_path / "x")
        told.append(reads[0])
    assert told[0] == told[1] < 300


def test_a_chain_that_goes_round(tmp_path: Path, reads: list[int]) -> None:
    (tmp_path / "x.tif").write_bytes(chain(3, loop=True))
    assert (prepare(tmp_path / "x.tif", 1, 1, 1, None).image == 7).all() and reads[0] < 200


def test_one_frame_is_not_said_to_be_the_first(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(chain(1))
    assert "first" not in " ".join(prepare(tmp_path / "x.tif", 1, 1, 1, None).steps)


def chunks(count: int) -> bytes:
    """A PNG with so many empty chunks of a kind that nobody knows."""
    buffer = io.BytesIO()
    Image.new("L", (2, 2), 7).save(buffer, "PNG")
    whole, empty = buffer.getvalue(), b"\0\0\0\0abCd" + struct.pack(">I", zlib.crc32(b"abCd"))
    return whole[:33] + empty * count + whole[33:]


def test_what_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is this thread's own, and here goes by reads: one is a second."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(image_file.time, "thread_time", lambda: next(ticks))
    (tmp_path / "x.png").write_bytes(chunks(500))
    with pytest.raises(DataError, match=r"x\.png takes more than 10 s to read; save it anew$"):
        prepare(tmp_path / "x.png", 1, 2, 2, None)
    assert image_file.is_picture(tmp_path / "x.png")  # reading it will say what is wrong
    assert next(ticks) < 100


def test_a_jpeg_of_a_hundred_scans_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    (tmp_path / "x.jpg").write_bytes(data[:-2] + scan * 20 + data[-2:])
    assert prepare(tmp_path / "x.jpg", 1, 16, 16, None).image.max() == 0
    (tmp_path / "x.jpg").write_bytes(data[:-2] + scan * 200 + data[-2:])
    with pytest.raises(
        DataError, match=r"x\.jpg is a JPEG of more than 100 scans, which takes too long; save it anew$"
    ):
        prepare(tmp_path / "x.jpg", 1, 16, 16, None)


def test_what_a_decoder_says_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("x\n" * 1000)

    (tmp_path / "x.png").write_bytes(chunks(0))
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError, match=r"x\.png is a broken image \((x ){99}x…\); save it anew$"):
        prepare(tmp_path / "x.png", 1, 2, 2, None)
