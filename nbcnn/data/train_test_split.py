"""A train/test split by the content of each file, which other files do not change."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

from nbcnn.errors import DataError
from nbcnn.util.files import sentence

FIFTH = 5
"""One in five images is a test image."""

HOW = "one in five images of a class is a test image, by its content"


def held_out(paths: Sequence[Path]) -> list[bool]:
    """Which image files of a class are test images, by the SHA-256 of each; see ``lowest_fifth``."""
    return lowest_fifth([content_sum(path) for path in paths])


def lowest_fifth(sums: Sequence[bytes]) -> list[bool]:
    """Which images of a class, given by SHA-256, are test images: those whose sum is in the lowest fifth of all.

    The same content is in one part, whatever it is called, and stays there when others are added or removed. There are
    two exceptions, for small classes: where no content is that low, the lowest is the test; and where more than half of
    the contents are, only the lower half of all is. A class of one content, again and again, has every fifth file.
    """
    distinct = sorted(set(sums))
    if len(distinct) == 1:
        return [number % FIFTH == FIFTH - 1 for number in range(len(sums))]
    low = [one for one in distinct if int.from_bytes(one, "big") * FIFTH < 1 << 256] or distinct[:1]
    chosen = set(low[: len(distinct) // 2])
    return [one in chosen for one in sums]


def content_sum(path: Path) -> bytes:
    """SHA-256 of a file; raises DataError for one that can't be read."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError as fault:
        raise DataError(sentence("read", path, fault)) from fault
