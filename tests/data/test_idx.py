"""IDX files, read and written; the hostile ones are built by hand."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nbcnn.data.idx import content_sha256, read_idx, write_idx
from nbcnn.errors import DataError


def idx(*sizes: int, values: bytes = b"", type_code: int = 8) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, type_code, len(sizes), *sizes) + values


Pack = Callable[[bytes], bytes]
GOOD = idx(2, 3, values=bytes(range(6)))


def packed(data: bytes) -> bytes:
    """Gzipped, without the time: a test is called the same in every process."""
    return gzip.compress(data, mtime=0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "images-idx3-ubyte"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (2, 3, 4, 5)], ids=str)
def test_reads_every_number_of_dimensions(file: Path, pack: Pack, shape: tuple[int, ...]) -> None:
    values = bytes(np.random.default_rng(0).integers(0, 256, int(np.prod(shape)), dtype=np.uint8))
    file.write_bytes(pack(idx(*shape, values=values)))
    array = read_idx(file)
    assert array.dtype == np.uint8 and array.shape == shape and array.flags.c_contiguous
    assert array.tobytes() == values


def test_gzip_is_told_by_the_content_and_not_by_the_name(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(GOOD)
    (tmp_path / "packed").write_bytes(gzip.compress(GOOD))
    assert (
        read_idx(tmp_path / "plain.gz").tolist()
        == read_idx(str(tmp_path / "packed")).tolist()
        == [[0, 1, 2], [3, 4, 5]]
    )


def test_reads_over_several_chunks_and_gzip_members(file: Path) -> None:
    values = np.random.default_rng(1).integers(0, 256, 2_500_000, dtype=np.uint8).tobytes()
    whole = idx(25, 100_000, values=values)
    file.write_bytes(gzip.compress(whole[:1_000_000], 1) + gzip.compress(whole[1_000_000:], 1))
    assert read_idx(file).tobytes() == values


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"idx3-ubyte is empty$"),
        (b"<!DOCTYPE html>", r"is not an IDX file: it begins with 3c 21 44 4f, expected 00 00 08 and 01 to 04"),
        (b"\x00\x00", r"is not an IDX file: it begins with 00 00, expected"),
        (idx(1, values=b"1234", type_code=0x0D), r"holds float32 \(type code 0x0d\), expected unsigned bytes \(0x08\)"),
        (idx(1, values=b"1", type_code=0x77), r"holds an unknown type \(type code 0x77\), expected unsigned bytes"),
        (idx(), r"declares 0 dimensions, expected 1 to 4"),
        (idx(1, 1, 1, 1, 1, values=b"1"), r"declares 5 dimensions, expected 1 to 4"),
        (idx(2, 3)[:9], r"ends within its header; the file is truncated, fetch it again"),
        (idx(0, 28, 28), r"declares 0 x 28 x 28 values, so it holds none; expected at least one"),
        (GOOD[:-1], r"truncated or its header lies: the header declares 2 x 3 values, 18 bytes in all, got 17 bytes"),
        (GOOD + b"x", r"trailing bytes: the header declares 2 x 3 values, 18 bytes in all, got 19 bytes"),
        (packed(GOOD[:-1]), r"header lies: the header declares 2 x 3 values, 18 bytes in all, got 17 bytes"),
        (packed(GOOD + b"x"), r"trailing bytes: the header declares 2 x 3 values, 18 bytes in all, got more"),
        (packed(b"hello"), r"is not an IDX file: it begins with 68 65 6c 6c"),
        (packed(GOOD)[:-9], r"the gzip stream ends too early; the file is truncated, fetch it again"),
        (packed(GOOD)[:5], r"the gzip stream ends too early; the file is truncated"),
        (
            packed(GOOD)[:-8] + bytes(8),
            r"the gzip stream is broken \(CRC check failed.*\); fetch the file again",
        ),
        (packed(GOOD)[:10] + b"\xff" * 30, r"the gzip stream is broken \(.*\); fetch the file again"),
        (packed(GOOD) + b"rubbish", r"the gzip stream is broken \(Not a gzipped file.*\)"),
    ],
)
def test_refuses_what_is_not_a_whole_idx_file(file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        read_idx(file)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_header_that_claims_terabytes_allocates_nothing(file: Path, pack: Pack) -> None:
    file.write_bytes(pack(idx(2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1, values=b"x" * 100)))
    tracemalloc.start()
    try:
        with pytest.raises(
            DataError, match=r"header lies: the header declares 4294967295 x .* got (at most )?\d+ bytes"
        ):
            read_idx(file)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_behind_a_small_header_is_not_unpacked(file: Path) -> None:
    file.write_bytes(gzip.compress(idx(28, values=bytes(200_000_000)), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="trailing bytes: the header declares 28 values, 36 bytes in all, got more"):
            read_idx(file)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_the_best_packed_file_is_not_taken_for_a_lie(file: Path) -> None:
    file.write_bytes(gzip.compress(idx(5000, 2000, values=bytes(10_000_000)), 9))
    assert file.stat().st_size < 10_000
    assert not read_idx(file).any()


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match="expected an IDX file, got a folder"):
        read_idx(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: expected an IDX file, got a special file"):
        read_idx(tmp_path / "pipe")


def test_says_why_a_file_cannot_be_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file.write_bytes(GOOD)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"idx3-ubyte cannot be read: Permission denied"):
        read_idx(file)


def test_says_that_memory_does_not_suffice(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    file.write_bytes(GOOD)
    monkeypatch.setattr(np, "empty", refuse)
    with pytest.raises(DataError, match="its 6 values do not fit into memory"):
        read_idx(file)


@pytest.mark.parametrize("name", ["labels-idx1-ubyte", "labels-idx1-ubyte.gz"])
def test_writes_the_format_to_the_byte(tmp_path: Path, name: str) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(3, 2).T
    write_idx(tmp_path / name, array)
    content = (tmp_path / name).read_bytes()
    assert (gzip.decompress(content) if name.endswith(".gz") else content) == idx(
        2, 3, values=bytes([0, 2, 4, 1, 3, 5])
    )


def test_gzipped_bytes_depend_on_nothing_but_the_array(tmp_path: Path) -> None:
    array = np.arange(200, dtype=np.uint8)
    write_idx(tmp_path / "one.gz", array)
    write_idx(tmp_path / "two.gz", array)
    content = (tmp_path / "one.gz").read_bytes()
    assert content == (tmp_path / "two.gz").read_bytes()
    assert content[3] == 0 and content[4:8] == bytes(4)  # no name, no time


def test_refuses_to_write_other_arrays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x: IDX is written for uint8 arrays of 1 to 4 dimensions, got float32 of 1"):
        write_idx(tmp_path / "x", np.zeros(3, np.float32))
    with pytest.raises(DataError, match="got uint8 of 5"):
        write_idx(tmp_path / "x", np.zeros((1, 1, 1, 1, 1), np.uint8))
    with pytest.raises(DataError, match=r"cannot write .*nowhere"):
        write_idx(tmp_path / "nowhere" / "x", np.zeros(3, np.uint8))


def test_the_sum_of_the_content_is_that_of_the_plain_file() -> None:
    # printf '\0\0\10\1\0\0\0\3abc' | sha256sum
    array = np.frombuffer(b"abc", np.uint8)
    assert content_sha256(array) == "379a7afbfd9f0de0a36184463dd209c260f4582821ea2e5e4c40c7eb713dbda2"
    assert content_sha256(np.frombuffer(b"axbxcx", np.uint8)[::2]) == content_sha256(array)
