"""PictureSettings and writing of IDX, the file format of MNIST: arrays of unsigned bytes, plain or gzipped.

A file is two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit number, then
the values, last dimension fastest. What the header declares is held against what the file can hold before any
memory is asked for, and a gzip stream is read no further than the header says plus one byte.
"""

from __future__ import annotations

import gzip
import os
import zlib
from hashlib import sha256
from io import BytesIO
from math import prod
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from nbcnn.errors import DataError
from nbcnn.util.files import write_atomic

UNSIGNED_BYTE = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
MAX_DIMENSIONS = 4
GZIP_MAGIC = b"\x1f\x8b"
# Deflate spends at least two bits on at most 258 bytes, so nothing shrinks more than 1032-fold.
DEFLATE_LIMIT = 1032
CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes with 1 to 4 dimensions, gzipped or not (the content tells).

    Raises DataError, naming the file, for anything else: missing, truncated, too long, of another type, no IDX.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: expected an IDX file, got a {'folder' if path.is_dir() else 'special file'}")
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def write_idx(path: str | os.PathLike[str], array: NDArray[np.uint8]) -> None:
    """Write an array of unsigned bytes with 1 to 4 dimensions; gzipped if the name ends in ``.gz``.

    The same array gives the same bytes: no time and no name is stored. The file appears whole or not at all.
    """
    path = Path(path)
    if array.dtype != np.uint8 or not 1 <= array.ndim <= MAX_DIMENSIONS:
        raise DataError(
            f"{path}: IDX is written for uint8 arrays of 1 to {MAX_DIMENSIONS} dimensions, "
            f"got {array.dtype} of {array.ndim}"
        )
    content = header(array.shape) + array.tobytes()
    write_atomic(path, _gzipped(content) if path.suffix == ".gz" else content, DataError)


def header(shape: tuple[int, ...]) -> bytes:
    """The bytes before the values: type code, number of dimensions, dimensions."""
    return bytes([0, 0, UNSIGNED_BYTE, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)


def content_sha256(array: NDArray[np.uint8]) -> str:
    """SHA-256 (hex) of the plain IDX file of this array: the same for every way of compressing it."""
    digest = sha256(header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(file: BinaryIO, path: Path) -> NDArray[np.uint8]:
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise DataError(f"{path} is empty")
    compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    if not compressed:
        shape = _read_header(file, path)
        expected = len(header(shape)) + prod(shape)
        if size != expected:
            _wrong_length(path, shape, expected, f"{size} bytes", longer=size > expected)
        return _read_values(file, path, shape)
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            shape = _read_header(stream, path)
            expected = len(header(shape)) + prod(shape)
            if expected > size * DEFLATE_LIMIT:
                _wrong_length(path, shape, expected, f"at most {size * DEFLATE_LIMIT} bytes in {size} of gzip")
            values = _read_values(stream, path, shape)
            # Asking for one byte more also makes gzip compare its checksum.
            if stream.read(1):
                _wrong_length(path, shape, expected, "more", longer=True)
            return values
    except EOFError as error:
        raise DataError(f"{path}: the gzip stream ends too early; the file is truncated, fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip stream is broken ({error}); fetch the file again") from error


def _read_header(file: BinaryIO | gzip.GzipFile, path: Path) -> tuple[int, ...]:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\x00\x00":
        raise DataError(f"{path} is not an IDX file: it begins with {start.hex(' ')}, expected 00 00 08 and 01 to 04")
    if start[2] != UNSIGNED_BYTE:
        got = OTHER_TYPES.get(start[2], "an unknown type")
        raise DataError(f"{path} holds {got} (type code 0x{start[2]:02x}), expected unsigned bytes (0x08)")
    if not 1 <= start[3] <= MAX_DIMENSIONS:
        raise DataError(f"{path} declares {start[3]} dimensions, expected 1 to {MAX_DIMENSIONS}")
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise DataError(f"{path} ends within its header; the file is truncated, fetch it again")
    shape = tuple(int.from_bytes(sizes[k : k + 4], "big") for k in range(0, len(sizes), 4))
    if 0 in shape:
        raise DataError(f"{path} declares {_times(shape)} values, so it holds none; expected at least one")
    return shape


def _read_values(file: BinaryIO | gzip.GzipFile, path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        values = np.empty(shape, dtype=np.uint8)
    except (MemoryError, ValueError) as error:
        raise DataError(f"{path}: its {prod(shape)} values do not fit into memory") from error
    flat, filled = values.reshape(-1), 0
    # By chunks, since GzipFile.readinto goes in steps of 8 kB and takes half as long again.
    while filled < flat.size:
        chunk = file.read(min(CHUNK, flat.size - filled))
        if not chunk:
            start = len(header(shape))
            _wrong_length(path, shape, start + flat.size, f"{start + filled} bytes")
        flat[filled : filled + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        filled += len(chunk)
    return values


def _wrong_length(path: Path, shape: tuple[int, ...], expected: int, got: str, *, longer: bool = False) -> NoReturn:
    what = "has trailing bytes" if longer else "is truncated or its header lies"
    raise DataError(f"{path} {what}: the header declares {_times(shape)} values, {expected} bytes in all, got {got}")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _gzipped(content: bytes) -> bytes:
    buffer = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()
